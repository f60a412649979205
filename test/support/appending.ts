import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { decompress } from '../../src/content/compression.ts';
import { layersOf } from '../../src/ops/read.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { configIn, imageRegistry, type ImageRegistry } from './image-registry.ts';
import { craneInProcess, type InProcessOptions, type InProcessResult } from './in-process.ts';
import { readEntries } from './layer-stack.ts';
import { testDirectory } from './test-directory.ts';

type Options = Partial<InProcessOptions>;

/** Runs `crane append` against one registry, with a directory for each test. */
export class Appending {
  readonly images: ImageRegistry = imageRegistry();
  #work = '';

  constructor() {
    beforeEach(async () => {
      this.#work = await testDirectory();
    });
  }

  /** A directory of the test's own. */
  get work(): string {
    return this.#work;
  }

  /** What the results are called. */
  get tag(): string {
    return `${this.images.host}/app:new`;
  }

  async run(args: readonly string[], options: Options = {}): Promise<InProcessResult> {
    return craneInProcess(['append', ...args], { home: '/nowhere', ...options });
  }

  /** Runs it, and gives what the tag names then. */
  async append(args: readonly string[], options: Options = {}): Promise<Artifact> {
    const result = await this.run([...args, '-t', this.tag], options);
    expect(result.stderr).not.toContain('Error');
    const after = await this.images.get('new');
    expect(result).toMatchObject({ code: 0, stdout: `${this.images.host}/app@${after.root.digest}\n` });
    return after;
  }

  /** @returns what it says */
  async refusal(args: readonly string[], options: Options = {}): Promise<string> {
    const result = await this.run([...args, '-t', this.tag], options);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    await expect(this.images.get('new')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    return result.stderr;
  }

  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.work, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
    return path;
  }
}

/** Names and contents in the topmost layer. */
export async function topLayer(image: Artifact): Promise<Awaited<ReturnType<typeof readEntries>>> {
  const layer = (await layersOf(image)).at(-1);
  if (layer === undefined) throw new Error('The image has no layer');
  return readEntries((await decompress(await image.store.fetch(layer))).stream);
}

export async function topNames(image: Artifact): Promise<readonly string[]> {
  return (await topLayer(image)).map(({ header }) => header.name);
}

export async function lastStep(image: Artifact): Promise<unknown> {
  return ((await configIn(image))['history'] as readonly unknown[]).at(-1);
}
