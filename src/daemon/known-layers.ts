import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { Engine } from './engine.ts';

/** Images that are looked at, the newest first: each is a question to the engine. */
const maxImages = 64;

/** Questions at a time. */
const atOnce = 4;

/**
 * How many of an image's first layers are in the engine already, below images that it has. A layer is the same only on top
 * of the same layers: engines know them as chains.
 */
export async function countKnownLayers(
  engine: Engine,
  diffIds: readonly Digest[],
  options: CallOptions = {},
): Promise<number> {
  const ids = Array.from(new Set(await engine.ids(options))).slice(0, maxImages);
  let most = 0;
  for (let at = 0; at < ids.length && most < diffIds.length; at += atOnce) {
    const images = ids.slice(at, at + atOnce).map((id) => engine.inspect(id, options));
    await Promise.allSettled(images);
    // One that was removed meanwhile is of no use, nor is one that cannot be told of.
    for (const image of await Promise.all(images.map((asked) => asked.catch(() => undefined)))) {
      most = Math.max(most, commonStart(diffIds, image?.diffIds ?? []));
    }
  }
  options.signal?.throwIfAborted();
  return most;
}

function commonStart(some: readonly Digest[], others: readonly Digest[]): number {
  const end = some.findIndex((digest, i) => digest !== others[i]);
  return end === -1 ? some.length : end;
}
