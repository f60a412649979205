import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { BlobCopy } from './blob-copy.ts';
import { CopyError } from './copy-error.ts';
import type { ManifestCopy } from './manifest-copy.ts';

/** What pushing manifests needs of the copy it belongs to. */
export interface ManifestPushHost {
  readonly blobs: BlobCopy;
  readonly manifests: ManifestCopy;
  /** Whether children of indexes are left out. */
  readonly isSparse: boolean;
  /** What a manifest of the source names, as far as it is copied. */
  childrenOf(target: Descriptor, bytes: Uint8Array): Promise<readonly Descriptor[]>;
  warn(message: string): void;
}

/** Sends manifests whose content the sink has, or says to have. */
export class ManifestPush {
  readonly #host: ManifestPushHost;
  /** Content that the sink said to have, and what of it was sent nevertheless. */
  readonly #there = new Set<Digest>();
  readonly #resent = new Map<Digest, Promise<void>>();

  constructor(host: ManifestPushHost) {
    this.#host = host;
  }

  /** Whether the sink said to have the content. */
  wasThere(digest: Digest): boolean {
    return this.#there.has(digest);
  }

  /** The sink says to have the content. */
  isThere({ digest }: Descriptor): void {
    this.#there.add(digest);
  }

  /** @param children what the manifest names, as far as it is copied */
  async push(target: Descriptor, bytes: Uint8Array, children: readonly Descriptor[], tag?: string): Promise<void> {
    const { manifests } = this.#host;
    try {
      await manifests.put(target, bytes, tag);
    } catch (error) {
      if (!isOciError(error, 'MISSING_CONTENT')) throw error;
      // A registry may answer that it has a blob and know nothing of it afterwards (demand-and-quirks reference, Q-52).
      const doubtful = children.filter(({ digest }) => this.#there.has(digest));
      if (doubtful.length === 0) throw this.#explained(error);
      this.#host.warn(`The target lacks content of ${target.digest} that it said to have; it is sent again`);
      const tasks = doubtful.map((child) => this.#resend(child));
      await Promise.allSettled(tasks);
      await Promise.all(tasks);
      await manifests.put(target, bytes, tag);
    }
  }

  #resend(target: Descriptor): Promise<void> {
    const known = this.#resent.get(target.digest);
    if (known !== undefined) return known;
    const { blobs } = this.#host;
    const task = isManifestType(target.mediaType) ? this.#resendManifest(target) : blobs.resend(target);
    this.#resent.set(target.digest, task);
    // Another root may try again.
    task.catch(() => this.#resent.delete(target.digest));
    return task;
  }

  async #resendManifest(target: Descriptor): Promise<void> {
    const bytes = await this.#host.manifests.read(target);
    await this.push(target, bytes, await this.#host.childrenOf(target, bytes));
  }

  #explained(error: OciError): OciError {
    if (!this.#host.isSparse || !isOciError(error.cause)) return error;
    const { code, message } = error.cause;
    const hint = 'It takes no index without all of its images: leave --sparse out, and the index is trimmed';
    return new CopyError('target', new OciError(code, message, { cause: error.cause, hint }));
  }
}
