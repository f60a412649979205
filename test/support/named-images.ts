import { afterAll, beforeAll } from 'vitest';
import { copyGraph } from '../../src/ops/copy.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { Artifact } from '../../src/store/artifact.ts';

/** An artifact in a registry. */
export interface NamedImage extends Artifact {
  /** A reference with a tag. */
  readonly name: string;
}

/** A registry for all tests of a file, where each artifact has a tag of its own. */
export class NamedImages {
  readonly #storage = memoryStorage();
  #registry: ListeningRegistry | undefined;
  #count = 0;

  constructor() {
    beforeAll(async () => {
      this.#registry = await listen({ storage: this.#storage });
    });
    afterAll(() => this.#registry?.close());
  }

  get host(): string {
    return new URL(this.#registry?.url ?? '').host;
  }

  async put({ store, root }: Artifact): Promise<NamedImage> {
    const tag = `case-${++this.#count}`;
    const { content } = await this.#storage.create('images');
    await copyGraph(store, content, root, { tag });
    return { store, root, name: `${this.host}/images:${tag}` };
  }

  /** What a tag or digest names. */
  async get(reference: string, repository = 'images'): Promise<Artifact> {
    const { content } = await this.#storage.create(repository);
    return { store: content, root: await content.resolve(reference) };
  }
}
