import { posix } from 'node:path';
import { type ByteStream, pipe } from '../content/bytes.ts';
import { decompress } from '../content/compression.ts';
import { Digester } from '../content/hash.ts';
import { TarReader } from '../content/tar/reader.ts';
import { OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';

/** Above this many characters of names, doubled ones are no longer looked for among new ones, to keep the memory bounded. */
const maxTracked = 64 * 1024 * 1024;

/**
 * Reads a layer once and checks size, digest, compression, diff ID and that it is a tar archive without doubled names.
 *
 * @throws {OciError} with what is wrong
 */
export async function validateLayer(
  content: ByteStream,
  layer: Descriptor,
  diffId: string | undefined,
  options: CallOptions = {},
): Promise<void> {
  const digester = new Digester(diffId?.startsWith('sha512:') === true ? 'sha512' : 'sha256');
  const { stream } = await decompress(content);
  try {
    await checkNames(
      pipe(stream, (chunks) => hashing(chunks, digester)),
      options,
    );
  } finally {
    await stream.cancel();
  }
  const actual = digester.finish();
  if (diffId !== undefined && actual !== diffId) {
    throw new OciError('DIGEST_MISMATCH', `the diff ID of ${layer.digest} is ${actual}, but the config says ${diffId}`);
  }
}

async function* hashing(chunks: AsyncIterable<Uint8Array>, digester: Digester): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    digester.update(chunk);
    yield chunk;
  }
}

async function checkNames(stream: ByteStream, options: CallOptions): Promise<void> {
  const names = new Set<string>();
  let tracked = 0;
  const reader = new TarReader(stream, options);
  for await (const { header } of reader) {
    const name = posix.normalize(header.name).replace(/\/+$/, '');
    if (names.has(name)) throw new OciError('INVALID_ARCHIVE', `duplicate file path: ${quoted(name)}`);
    // A set needs some memory for each name besides its characters.
    tracked += name.length + 64;
    if (tracked <= maxTracked) names.add(name);
  }
  for await (const chunk of reader.trailer()) void chunk;
}
