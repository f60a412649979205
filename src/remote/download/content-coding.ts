import { type ByteStream, pipe } from '../../content/bytes.ts';
import { Digester } from '../../content/hash.ts';
import { isOciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf } from '../../oci/digest.ts';
import type { ResponseHeaders } from '../transport/exchange.ts';

/**
 * What the bytes of an answer with a `Content-Encoding` are: the blob as it is, which object stores say of compressed layers,
 * or the blob encoded on its way by a proxy. Demand-and-quirks reference, Q-28.
 */
export type Reading = 'raw' | 'decoded';

/** Whether an answer is said to be compressed, though nobody asked for it. */
export function isEncoded(headers: ResponseHeaders): boolean {
  return /^(?:x-)?gzip$/i.test(headers.get('content-encoding')?.trim() ?? '');
}

/** The body without its encoding. */
export function decoded(body: ByteStream): ByteStream {
  return pipe(body, async function* decode(chunks) {
    const { gunzipping } = await import('../../content/gzip.ts');
    yield* gunzipping()(chunks);
  });
}

/** Reads a body, of which nothing is kept, until it is clear which reading gives the blob. At most the blob's size is read. */
export async function readingOf(body: ByteStream, { digest, size }: Descriptor): Promise<Reading> {
  const limited = pipe(body, (chunks) => upTo(chunks, size));
  const digester = new Digester(algorithmOf(digest));
  try {
    for await (const chunk of decoded(limited)) {
      digester.update(chunk);
      if (digester.size > size) return 'raw';
    }
    return digester.size === size && digester.finish() === digest ? 'decoded' : 'raw';
  } catch (error) {
    if (error instanceof LongerThanBlob) return 'decoded';
    if (isOciError(error, 'INVALID_ARCHIVE')) return 'raw';
    throw error;
  } finally {
    await body.cancel();
  }
}

class LongerThanBlob extends Error {}

async function* upTo(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.byteLength;
    if (total > size) throw new LongerThanBlob();
    yield chunk;
  }
}
