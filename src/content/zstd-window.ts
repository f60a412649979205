import { OciError } from '../errors.ts';
import { type ByteSource, chunksOf } from './bytes.ts';

/** What decoders take without being asked for more, 2^27 bytes: `zstd --long` stays within it. RFC 8878, section 3.1.1.1.2. */
const maxWindow = 128 * 1024 * 1024;

/**
 * Passes zstd data on, and says so when its first frame wants more memory than decoders give: they only call it malformed.
 *
 * @throws {OciError} while reading: `LIMIT_EXCEEDED`
 */
export async function* withinWindow(source: ByteSource): AsyncGenerator<Uint8Array, void> {
  let isFirst = true;
  for await (const chunk of chunksOf(source)) {
    const window = isFirst ? windowOf(chunk) : undefined;
    isFirst = false;
    if (window !== undefined && window > maxWindow) {
      throw new OciError(
        'LIMIT_EXCEEDED',
        `The zstd data needs a window of ${window} bytes to be decompressed, the limit is ${maxWindow}`,
        { hint: 'Compress it again, with zstd --long=27 at most' },
      );
    }
    yield chunk;
  }
}

/** The window of a frame at the start of these bytes: `undefined` when they begin otherwise or are too few. */
function windowOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 18 || view.getUint32(0, true) !== 0xfd2f_b528) return undefined;
  const flags = view.getUint8(4);
  const isSingleSegment = (flags & 0x20) !== 0;
  if (!isSingleSegment) {
    const descriptor = view.getUint8(5);
    const base = 2 ** (10 + (descriptor >> 3));
    return base + (base / 8) * (descriptor & 7);
  }
  // Without a window the whole content is one, and its size stands behind the dictionary's number.
  const at = 5 + ([0, 1, 2, 4][flags & 3] as number);
  const size = flags >> 6;
  if (size === 2) return view.getUint32(at, true);
  return size === 3 ? Number(view.getBigUint64(at, true)) : 0;
}
