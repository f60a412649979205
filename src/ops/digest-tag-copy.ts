import type { Descriptor } from '../oci/descriptor.ts';
import type { ContentSource } from '../store/store.ts';
import { onSide } from './copy-error.ts';
import type { CopyRun } from './copy-run.ts';
import { DigestTags } from './digest-tags.ts';

/** What copying digest tags needs of the copy it belongs to. */
export interface DigestTagHost {
  readonly source: ContentSource;
  readonly signal: AbortSignal;
  ask<T>(question: () => Promise<T>): Promise<T>;
  /** Copies what a tag names, under that tag, with all below and behind it. */
  copy(root: Descriptor, run: CopyRun, tag: string): Promise<void>;
  /** What a tag names at the sink. */
  named(tag: string): Promise<Descriptor | undefined>;
  warn(message: string): void;
}

export interface DigestTagOptions {
  /** Tags that name other content at the sink stay as they are. @default false */
  readonly keep?: boolean | undefined;
}

/** Copies the tags that belong to manifests, after them. */
export class DigestTagCopy {
  readonly #host: DigestTagHost;
  readonly #keep: boolean;
  readonly #digestTags: DigestTags;
  readonly #copied = new Set<string>();

  constructor(host: DigestTagHost, { keep = false }: DigestTagOptions) {
    this.#host = host;
    this.#keep = keep;
    this.#digestTags = new DigestTags(host.source);
  }

  /** The tags of all manifests that a run has come by. What a digest tag names may have digest tags itself. */
  async copy(run: CopyRun): Promise<void> {
    while (run.unlooked.size > 0) {
      const tags = (await this.#find(run)).filter((tag) => !this.#copied.has(tag));
      for (const tag of tags) this.#copied.add(tag);
      const tasks = tags.map((tag) => this.#copyTag(tag, run));
      await Promise.allSettled(tasks);
      await Promise.all(tasks);
      await run.settle();
    }
  }

  async #find(run: CopyRun): Promise<readonly string[]> {
    const digests = Array.from(run.unlooked);
    run.unlooked.clear();
    const { signal } = this.#host;
    const found = digests.map((digest) =>
      this.#host.ask(() => onSide('source', () => this.#digestTags.of(digest, { signal }))),
    );
    return (await Promise.all(found)).flat();
  }

  async #copyTag(tag: string, run: CopyRun): Promise<void> {
    const { source, signal } = this.#host;
    const root = await this.#host.ask(() => onSide('source', () => source.resolve(tag, { signal })));
    if (this.#keep && !(await this.#isFree(tag, root))) {
      return this.#host.warn(`The tag ${tag} is not copied: the target has one that names other content`);
    }
    await this.#host.copy(root, run, tag);
    run.digestTags.push(tag);
  }

  async #isFree(tag: string, root: Descriptor): Promise<boolean> {
    const named = await this.#host.named(tag);
    return named === undefined || named.digest === root.digest;
  }
}
