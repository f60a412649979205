import { createCipheriv } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type CachedImage, cachedImage } from './cached-images.ts';
import { type ImageFiles, tarOf, writeImage, writeLayer } from './image-files.ts';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** A real image: four layers of together about 160 MB compressed, made of the programs and libraries of this machine. */
export function largeImage(): Promise<CachedImage> {
  return cachedImage('large-1', buildLargeImage);
}

/** One layer of 1 GiB that does not compress: the same pseudo-random bytes everywhere. */
export function gibibyteImage(): Promise<CachedImage> {
  return cachedImage('gibibyte-1', buildGibibyteImage);
}

/** Twelve layers of 200 KiB, as of an image with many small steps. */
export function twelveLayerImage(): Promise<CachedImage> {
  return cachedImage('twelve-1', buildTwelveLayerImage);
}

async function buildLargeImage(folder: string): Promise<ImageFiles> {
  const layout = join(folder, 'layout');
  const lists = await fourLists('/usr', 96 * mebibyte);
  const layers = [];
  for (const [index, files] of lists.entries()) {
    const list = join(folder, `list-${index}`);
    await writeFile(list, files.join('\0'));
    layers.push(await writeLayer(layout, tarOf(['-C', '/', '--null', '--no-recursion', '-T', list]), 6));
    await rm(list);
  }
  return writeImage(layout, layers, { Env: ['PATH=/usr/bin'] });
}

/** Files of a tree, relative to the root, in four groups of about `size` bytes each. */
async function fourLists(tree: string, size: number): Promise<readonly string[][]> {
  const lists: string[][] = [];
  let bytes = size;
  for await (const [path, length] of regularFiles(tree)) {
    if (bytes >= size && lists.length === 4) break;
    if (bytes >= size) {
      lists.push([]);
      bytes = 0;
    }
    lists.at(-1)?.push(path.slice(1));
    bytes += length;
  }
  return lists;
}

async function* regularFiles(folder: string): AsyncGenerator<readonly [path: string, size: number], void> {
  const names = await readdir(folder);
  for (const name of names.sort()) {
    const path = join(folder, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) yield* regularFiles(path);
    else if (stats.isFile()) yield [path, stats.size];
  }
}

async function buildGibibyteImage(folder: string): Promise<ImageFiles> {
  const layout = join(folder, 'layout');
  const content = join(folder, 'content');
  await mkdir(content);
  await pipeline(pseudoRandom(gibibyte), createWriteStream(join(content, 'random')));
  const layer = await writeLayer(layout, tarOf(['-C', content, 'random']), 0);
  await rm(content, { recursive: true });
  return writeImage(layout, [layer], {});
}

async function buildTwelveLayerImage(folder: string): Promise<ImageFiles> {
  const layout = join(folder, 'layout');
  const content = join(folder, 'content');
  await mkdir(content);
  const bytes = Buffer.concat([...pseudoRandom(3 * mebibyte)]);
  const layers = [];
  for (let i = 0; i < 12; i++) {
    await writeFile(join(content, `file-${i}`), bytes.subarray(i * 200 * 1024, (i + 1) * 200 * 1024));
    layers.push(await writeLayer(layout, tarOf(['-C', content, `file-${i}`]), 0));
  }
  await rm(content, { recursive: true });
  return writeImage(layout, layers, {});
}

function* pseudoRandom(size: number): Generator<Buffer, void> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(mebibyte);
  for (let written = 0; written < size; written += mebibyte) yield cipher.update(zeros);
}
