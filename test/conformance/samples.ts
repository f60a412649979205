import type { ByteStream } from '../../src/content/bytes.ts';
import { describeBytes } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { ContentStore } from '../../src/store/store.ts';

/** Bytes with their descriptor. */
export interface Sample {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
}

export function blobOf(content: string | Uint8Array, mediaType: string = mediaTypes.octetStream): Sample {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return { target: describeBytes(bytes, mediaType), bytes };
}

/** Bytes that do not compress and do not repeat, the same for every run. */
export function noise(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** An image manifest and the blobs a registry wants to have before it. */
export interface SampleImage extends Sample {
  readonly blobs: readonly Sample[];
}

/**
 * A small valid image.
 *
 * @param name makes it differ from others
 * @param extra more fields of the manifest
 */
export function imageOf(name: string, extra: Readonly<Record<string, unknown>> = {}): SampleImage {
  const config = blobOf(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, author: name }),
    mediaTypes.ociConfig,
  );
  const layer = blobOf(`layer of ${name}`, mediaTypes.ociLayer);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.target,
    layers: [layer.target],
    ...extra,
  };
  return { ...blobOf(JSON.stringify(manifest), mediaTypes.ociManifest), blobs: [config, layer] };
}

/** An index of images, which are not among its blobs. */
export function indexOfImages(images: readonly Sample[]): SampleImage {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: images.map(({ target }) => target) };
  return { ...blobOf(JSON.stringify(document), mediaTypes.ociIndex), blobs: [] };
}

/** Pushes what the manifest names, then the manifest. */
export async function pushImage(store: ContentStore, image: SampleImage, tag?: string): Promise<void> {
  for (const blob of image.blobs) await store.push(blob.target, blob.bytes);
  await store.push(image.target, image.bytes);
  if (tag !== undefined) await store.tag(image.target, tag);
}

/** Hands out chunks and notes what happens to it. */
export class WatchedStream implements ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array, void>;
  readonly #atEnd: () => Promise<void>;
  reads = 0;
  released = false;

  /** @param atEnd what happens after the last chunk: nothing, a failure, a wait */
  constructor(chunks: Iterable<Uint8Array>, atEnd: () => Promise<void> = async () => {}) {
    this.#chunks = toAsync(chunks);
    this.#atEnd = atEnd;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void> {
    return {
      next: async () => {
        const result = await this.#chunks.next();
        if (result.done !== true) {
          this.reads++;
          return result;
        }
        await this.#atEnd();
        this.released = true;
        return result;
      },
      return: async () => {
        this.released = true;
        return { done: true, value: undefined };
      },
    };
  }

  async cancel(): Promise<void> {
    this.released = true;
  }
}

/** The bytes in pieces of the given lengths, over and over. */
export function* piecesOf(bytes: Uint8Array, ...lengths: readonly number[]): Generator<Uint8Array, void> {
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const length = lengths[i % lengths.length] ?? bytes.byteLength;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

async function* toAsync(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}
