import { manifestTypeOf } from '../../oci/manifest.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { referrerIn } from '../../oci/referrer.ts';
import { readIfThere, removeIfThere, sizeIfThere, writeDurably } from './files.ts';
import { manifestPath, manifestTypePath, referrerPath } from './paths.ts';

/** A manifest as it lies on the disk. */
export interface ManifestFile {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
}

/** How many bytes of manifests are kept at hand. A manifest has some kilobytes, so this is thousands of them. */
const cacheSize = 32 * 1024 * 1024;

/**
 * The manifests of a registry's directory. Bytes under a digest never change, so those read lately are kept; whether they
 * are still there is asked each time, since another process may have deleted them.
 */
export class ManifestFiles {
  readonly #recent = new Map<string, ManifestFile>();
  #size = 0;

  async read(repository: string, digest: Digest): Promise<ManifestFile | undefined> {
    const path = manifestPath(repository, digest);
    const known = this.#recent.get(path);
    if (known === undefined) return this.#load(repository, digest);
    if ((await sizeIfThere(path)) === undefined) {
      this.#forget(path);
      return undefined;
    }
    this.#remember(path, known);
    return known;
  }

  /** What else is known about the manifest is written before it, so that it is never there without. */
  async write(repository: string, target: Descriptor, bytes: Uint8Array): Promise<void> {
    const { mediaType, digest } = target;
    if (manifestTypeOf(bytes, '') !== mediaType) await writeDurably(manifestTypePath(repository, digest), mediaType);
    const referrer = referrerIn(bytes, target);
    if (referrer !== undefined) {
      const path = referrerPath(repository, referrer.subject, digest);
      await writeDurably(path, JSON.stringify(referrer.descriptor));
    }
    await writeDurably(manifestPath(repository, digest), bytes);
  }

  async remove(repository: string, { target, bytes }: ManifestFile): Promise<void> {
    const { digest } = target;
    const path = manifestPath(repository, digest);
    this.#forget(path);
    await removeIfThere(path);
    await removeIfThere(manifestTypePath(repository, digest));
    const referrer = referrerIn(bytes, target);
    if (referrer !== undefined) await removeIfThere(referrerPath(repository, referrer.subject, digest));
  }

  async #load(repository: string, digest: Digest): Promise<ManifestFile | undefined> {
    const path = manifestPath(repository, digest);
    const bytes = await readIfThere(path);
    if (bytes === undefined) return undefined;
    const written = await readIfThere(manifestTypePath(repository, digest));
    const mediaType = written?.toString() ?? manifestTypeOf(bytes, '');
    const file = { target: { mediaType, digest, size: bytes.byteLength }, bytes };
    this.#remember(path, file);
    return file;
  }

  /** A Map lists its keys in the order they came: the first one is the one not used for longest. */
  #remember(path: string, file: ManifestFile): void {
    this.#forget(path);
    this.#recent.set(path, file);
    this.#size += file.bytes.byteLength;
    for (const oldest of this.#recent.keys()) {
      if (this.#size <= cacheSize) return;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    this.#size -= this.#recent.get(path)?.bytes.byteLength ?? 0;
    this.#recent.delete(path);
  }
}
