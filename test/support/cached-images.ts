import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from './paths.ts';
import type { ImageFiles } from './image-files.ts';

/**
 * The image that `build` makes in the folder it is given, from `.cache/images/NAME` when it has been built before. The
 * folder appears there complete or not at all, so several test files may ask for it at once. A change of `build` needs
 * another name.
 */
export async function cachedImage(name: string, build: (folder: string) => Promise<ImageFiles>): Promise<CachedImage> {
  const folder = join(cacheDirectory, 'images', name);
  const known = await readDescription(folder);
  if (known !== undefined) return { ...known, folder, layout: join(folder, 'layout') };
  const fresh = `${folder}-${randomUUID()}`;
  await mkdir(fresh, { recursive: true });
  try {
    const image = await build(fresh);
    await writeFile(join(fresh, 'image.json'), JSON.stringify(image));
    await rename(fresh, folder).catch(async (error: unknown) => {
      if ((await readDescription(folder)) === undefined) throw error;
    });
    return { ...image, folder, layout: join(folder, 'layout') };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

export interface CachedImage extends ImageFiles {
  /** Holds `layout` and whatever else was built; read only. */
  readonly folder: string;
}

async function readDescription(folder: string): Promise<ImageFiles | undefined> {
  const text = await readFile(join(folder, 'image.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ImageFiles);
}
