import { execFileSync } from 'node:child_process';

const blockSize = 128 * 1024;

/** A zstd frame: by the `zstd` program where it is installed, else one of raw blocks. RFC 8878, section 3.1.1. */
export function packZstd(data: Uint8Array | string): Buffer {
  try {
    return execFileSync('zstd', ['-qc'], { input: data, maxBuffer: 2 ** 30 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return rawFrame(Buffer.from(data));
  }
}

function rawFrame(data: Buffer): Buffer {
  // A window of 128 KiB, no content size, no checksum.
  const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])];
  for (let at = 0; at === 0 || at < data.length; at += blockSize) {
    const block = data.subarray(at, at + blockSize);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + blockSize >= data.length ? 1 : 0), 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
}
