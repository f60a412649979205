import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CopySummary } from './copy-options.ts';

/** One call of a copy: what it has started and what came of it. Several share the content they move. */
export class CopyRun {
  /** Referrers that are looked for or copied. */
  readonly followers: Set<Promise<unknown>> = new Set();
  /** Referrers that are at the sink now. */
  readonly referrers: Referrer[] = [];
  /** Manifests whose digest tags nobody has looked for yet. */
  readonly unlooked: Set<Digest> = new Set();
  readonly digestTags: string[] = [];
  #manifests = 0;
  #blobs = 0;
  #bytes = 0;
  #mounted = 0;
  #existingManifests = 0;
  #existingBlobs = 0;

  movedManifest(): void {
    this.#manifests++;
  }

  foundManifest(): void {
    this.#existingManifests++;
  }

  movedBlob({ size }: Descriptor): void {
    this.#blobs++;
    this.#bytes += size;
  }

  mountedBlob(): void {
    this.#mounted++;
  }

  foundBlob(): void {
    this.#existingBlobs++;
  }

  /** Waits for a task until the end of the run, which fails with it. */
  follow(task: Promise<unknown>): void {
    this.followers.add(task);
    task.then(
      () => this.followers.delete(task),
      () => {},
    );
  }

  /** Waits for all followers, those that come in the meantime included. */
  async settle(): Promise<void> {
    while (this.followers.size > 0) await Promise.all(this.followers);
  }

  summary(): CopySummary {
    return {
      manifests: this.#manifests,
      blobs: this.#blobs,
      bytes: this.#bytes,
      mounted: this.#mounted,
      existingManifests: this.#existingManifests,
      existingBlobs: this.#existingBlobs,
      referrers: this.referrers.length,
      digestTags: this.digestTags,
    };
  }
}
