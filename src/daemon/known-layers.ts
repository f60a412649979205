import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { Engine } from './engine.ts';

/** Images that are looked at, the newest first: each is a question to the engine, which has to be worth it. */
const maxImages = 64;
const bytesForQuestion = 256 * 1024;

/**
 * How many of an image's first layers are in the engine already, below images that it has. A layer is the same only on top
 * of the same layers: engines know them as chains.
 *
 * @param image its diff IDs, and how many bytes would be sent of it
 */
export async function countKnownLayers(
  engine: Engine,
  image: { readonly diffIds: readonly Digest[]; readonly size: number },
  options: CallOptions = {},
): Promise<number> {
  const { diffIds, size } = image;
  const { atOnce } = engine;
  // An engine that does not tell gets everything.
  const listed = await engine.ids(options).catch(() => []);
  const ids = Array.from(new Set(listed)).slice(0, Math.min(maxImages, size / bytesForQuestion));
  let most = 0;
  for (let at = 0; at < ids.length && most < diffIds.length; at += atOnce) {
    const images = ids.slice(at, at + atOnce).map((id) => engine.inspect(id, options));
    // One that was removed meanwhile is of no use, nor is one that cannot be told of.
    for (const other of await Promise.all(images.map((asked) => asked.catch(() => undefined)))) {
      most = Math.max(most, commonStart(diffIds, other?.diffIds ?? []));
    }
  }
  options.signal?.throwIfAborted();
  return most;
}

function commonStart(some: readonly Digest[], others: readonly Digest[]): number {
  const end = some.findIndex((digest, i) => digest !== others[i]);
  return end === -1 ? some.length : end;
}
