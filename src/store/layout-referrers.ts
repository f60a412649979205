import { collect } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { isOciError } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isAttachedName, referrersEntry } from '../oci/layout-referrers.ts';
import { refNameOf } from '../oci/image-layout.ts';
import { type ImageIndex, parseManifest } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { type Referrer, referrerIn } from '../oci/referrer.ts';
import type { ReferrerListOptions } from './capabilities.ts';
import type { ContentSource } from './store.ts';

/** Finds referrers in a layout, whoever wrote it: directories and archives have them in the same ways. */
export class LayoutReferrers {
  readonly #content: Pick<ContentSource, 'fetch' | 'stat'>;
  /** By manifest; content does not change. */
  readonly #known = new Map<Digest, Referrer | undefined>();

  constructor(content: Pick<ContentSource, 'fetch' | 'stat'>) {
    this.#content = content;
  }

  /** From the list under the referrers tag, and from all entries that have the subject. */
  async of(index: ImageIndex, subject: Digest, options: ReferrerListOptions): Promise<readonly Descriptor[]> {
    const { artifactType } = options;
    const found = new Map<Digest, Descriptor>();
    for (const entry of await this.#listed(index, subject, options)) {
      // Who deletes a manifest need not know of the list.
      if ((await this.#content.stat(entry, options)) !== undefined) found.set(entry.digest, entry);
    }
    for (const entry of index.manifests) {
      const referrer = await this.#referrerAt(entry, options);
      if (referrer?.subject === subject) found.set(entry.digest, referrer.descriptor);
    }
    const all = Array.from(found.values());
    return artifactType === undefined ? all : all.filter((entry) => entry.artifactType === artifactType);
  }

  /** The index without the entries that belong to others: referrers, lists of them, digest tags. */
  async withoutAttached(index: ImageIndex, options: ReferrerListOptions): Promise<ImageIndex> {
    if (index.manifests.length < 2) return index;
    const manifests: Descriptor[] = [];
    for (const entry of index.manifests) {
      const isAttached =
        isAttachedName(entry) || (refNameOf(entry) === undefined && (await this.#hasSubjectHere(entry, options)));
      if (!isAttached) manifests.push(entry);
    }
    return manifests.length === 0 ? index : { ...index, manifests };
  }

  async #listed(index: ImageIndex, subject: Digest, options: ReferrerListOptions): Promise<readonly Descriptor[]> {
    const entry = referrersEntry(index, subject);
    const bytes = entry && (await this.#read(entry, options));
    if (entry === undefined || bytes === undefined) return [];
    const manifest = parseManifest(bytes, entry);
    return manifest.kind === 'index' ? manifest.index.manifests : [];
  }

  async #hasSubjectHere(entry: Descriptor, options: ReferrerListOptions): Promise<boolean> {
    const referrer = await this.#referrerAt(entry, options);
    if (referrer === undefined) return false;
    const subject: ContentId = { mediaType: entry.mediaType, digest: referrer.subject };
    return (await this.#content.stat(subject, options)) !== undefined;
  }

  async #referrerAt(entry: Descriptor, options: ReferrerListOptions): Promise<Referrer | undefined> {
    if (!isManifestType(entry.mediaType)) return undefined;
    if (!this.#known.has(entry.digest)) {
      const bytes = await this.#read(entry, options);
      // One that is missing may come yet.
      if (bytes === undefined) return undefined;
      this.#known.set(entry.digest, referrerIn(bytes, entry));
    }
    return this.#known.get(entry.digest);
  }

  async #read(entry: Descriptor, options: ReferrerListOptions): Promise<Uint8Array | undefined> {
    if (entry.size > maxManifestSize) return undefined;
    try {
      return await collect(await this.#content.fetch(entry, options), maxManifestSize);
    } catch (error) {
      if (isOciError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}
