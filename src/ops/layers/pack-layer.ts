import { type ByteStream, type ByteTransform, pipe } from '../../content/bytes.ts';
import { Digester } from '../../content/hash.ts';
import { spool, type SpoolOptions } from '../../content/spool.ts';
import { spooledContent } from '../../store/staging.ts';
import { type NewLayer, newLayer } from './new-layer.ts';

/** Compresses a tar archive into a temporary file; digest, size and diff ID are computed on the way. */
export async function packLayer(
  tar: ByteStream,
  mediaType: string,
  compress: ByteTransform,
  options: SpoolOptions,
): Promise<NewLayer> {
  const diffId = new Digester();
  const packed = await spool(
    pipe(tar, (chunks) => compress(noted(chunks, diffId))),
    options,
  );
  const target = { mediaType, digest: packed.digest, size: packed.size };
  return newLayer(target, diffId.finish(), spooledContent(packed, target));
}

/** Bytes that are hashed as they pass. */
export async function* noted(chunks: AsyncIterable<Uint8Array>, digester: Digester): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    digester.update(chunk);
    yield chunk;
  }
}
