import type { ByteSource } from '../../content/bytes.ts';
import type { VerifiedStream } from '../../content/verify.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';

/** Bytes of which a reader may stop reading without closing them: {@link unreadable} reads on. */
export function unclosed(source: ByteSource & AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
}

/**
 * Why a layer cannot be read, once reading it has failed: that its bytes are not those of its digest, or else what they are,
 * with the layer's name. A flipped bit is mostly met by what decompresses, long before the digest is known.
 *
 * @param content the layer
 * @param chunks what is left of it, {@link unclosed}
 */
export async function unreadable(
  error: unknown,
  { digest }: Descriptor,
  content: VerifiedStream,
  chunks: AsyncIterable<Uint8Array>,
): Promise<unknown> {
  if (!isOciError(error, 'INVALID_ARCHIVE') || content.failed) return error;
  try {
    for await (const _ of chunks);
  } catch (cause) {
    return cause;
  }
  const reason = error.message.charAt(0).toLowerCase() + error.message.slice(1);
  const { hint } = error;
  return new OciError(error.code, `The layer ${digest} cannot be read: ${reason}`, { hint, cause: error });
}
