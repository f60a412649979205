import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TarInput, writeTar } from '../../src/content/tar/writer.ts';
import { type CachedImage, cachedImage } from './cached-images.ts';
import { type ImageFiles, tarOf, writeImage, writeLayer } from './image-files.ts';

// The same everywhere, from nothing but numbers: what one machine measures can be compared with what another does.

const megabyte = 1_000_000;
const filesPerFolder = 40;

/**
 * Four layers of files like those of programs: three fifths shrink as text does, a third as programs do, the rest not at
 * all. Each layer but the first replaces some files below, removes others, and empties a folder.
 *
 * @param megabytes of all files together
 */
export function treeImage(megabytes: number): Promise<CachedImage> {
  return cachedImage(`tree-${megabytes}-1`, async (folder) => {
    const layout = join(folder, 'layout');
    const layers = [];
    for (let layer = 0; layer < 4; layer++) {
      layers.push(await writeLayer(layout, chunks(writeTar(treeEntries(layer, (megabytes * megabyte) / 4))), 6));
    }
    return writeImage(layout, layers, { Env: ['PATH=/usr/bin'] });
  });
}

/** Writes a plain tar of such files. */
export async function writeTreeTar(path: string, megabytes: number): Promise<void> {
  await pipeline(writeTar(treeEntries(0, megabytes * megabyte)), createWriteStream(path));
}

/** Fifty layers of a file each, as of an image that is changed again and again. */
export function fiftyLayerImage(): Promise<CachedImage> {
  return cachedImage('fifty-1', buildFiftyLayerImage);
}

async function buildFiftyLayerImage(folder: string): Promise<ImageFiles> {
  const layout = join(folder, 'layout');
  const layers = [];
  for (let i = 0; i < 50; i++) {
    const name = `file-${i}`;
    await writeFile(join(folder, name), `${name}\n`.repeat(500));
    layers.push(await writeLayer(layout, tarOf(['-C', folder, name]), 6));
    await rm(join(folder, name));
  }
  return writeImage(layout, layers, {});
}

async function* chunks(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  for await (const chunk of tar) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function* treeEntries(layer: number, bytes: number): Generator<TarInput, void> {
  const random = numbers(layer + 1);
  const content = new Contents(random);
  let total = 0;
  yield directory('usr');
  for (let folder = 0; total < bytes; folder++) {
    yield directory(`usr/${layer}-${folder}`);
    for (let i = 0; i < filesPerFolder && total < bytes; i++) {
      const body = content.next();
      total += body.length;
      yield file(`usr/${layer}-${folder}/${i}`, body);
    }
    if (layer > 0 && folder % 4 === 0) yield* changesBelow(layer, folder, content);
  }
}

/** A folder of the layer below loses all or one of its files, and gets another one. */
function* changesBelow(layer: number, folder: number, content: Contents): Generator<TarInput, void> {
  const below = `usr/${layer - 1}-${folder}`;
  yield directory(below);
  if (folder % 32 === 0) yield file(`${below}/.wh..wh..opq`, Buffer.alloc(0));
  else yield file(`${below}/.wh.${folder % filesPerFolder}`, Buffer.alloc(0));
  yield file(`${below}/${(folder + 1) % filesPerFolder}`, content.small());
}

function directory(name: string): TarInput {
  return { header: { name: `${name}/`, mode: 0o755 } };
}

function file(name: string, body: Uint8Array): TarInput {
  return { header: { name, mode: 0o644, size: body.length, mtime: { seconds: 1_704_067_200, nanoseconds: 0 } }, body };
}

/** Pieces of three pools, far larger than what compression looks back at. */
class Contents {
  readonly #random: () => number;
  readonly #pools: readonly Buffer[];

  constructor(random: () => number) {
    this.#random = random;
    this.#pools = [textPool(random), programPool(random), noise(8 * megabyte, random)];
  }

  next(): Uint8Array {
    // Most files are small, most bytes are in large ones.
    const size = Math.min(6 * megabyte, Math.round(2500 / (this.#random() + 0.0004)));
    const kind = this.#random();
    return this.#piece(kind < 0.62 ? 0 : kind < 0.96 ? 1 : 2, size);
  }

  small(): Uint8Array {
    return this.#piece(0, 5000);
  }

  #piece(pool: number, size: number): Uint8Array {
    const bytes = this.#pools[pool] as Buffer;
    const start = Math.floor(this.#random() * (bytes.length - size));
    return bytes.subarray(start, start + size);
  }
}

/** Words, the first ones far more often than the last. */
function textPool(random: () => number): Buffer {
  const words = Array.from({ length: 3000 }, () => {
    const length = 2 + Math.floor(random() * 9);
    return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(26 * random() ** 2))).join('');
  });
  const parts: string[] = [];
  for (let size = 0; size < 8 * megabyte;) {
    const word = words[Math.floor(words.length * random() ** 5)] ?? '';
    parts.push(word, random() < 0.1 ? '\n' : ' ');
    size += word.length + 1;
  }
  return Buffer.from(parts.join('')).subarray(0, 8 * megabyte);
}

/** Short sequences of bytes that come again, with numbers between. */
function programPool(random: () => number): Buffer {
  const sequences = Array.from({ length: 2000 }, () => noise(8 + Math.floor(random() * 24), random));
  const pool = Buffer.alloc(8 * megabyte);
  for (let at = 0; at < pool.length;) {
    at += sequences[Math.floor(sequences.length * random() ** 2)]?.copy(pool, at) ?? 0;
    for (let i = Math.floor(random() * 4); i > 0 && at < pool.length; i--) pool[at++] = Math.floor(random() * 256);
  }
  return pool;
}

function noise(size: number, random: () => number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(Math.floor(random() * 0x1_0000_0000), i);
  return bytes;
}

/** Numbers from 0 to 1 that follow from a seed: 32 bits of state, mixed by multiplication and shifts. */
function numbers(seed: number): () => number {
  let state = seed * 0x9e37_79b9;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
