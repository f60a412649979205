import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { findEntry, refNameOf, withEntry } from './image-layout.ts';
import { encodeJson, type JsonValue } from './json.ts';
import type { ImageIndex } from './manifest.ts';
import { annotationKeys } from './annotations.ts';
import { mediaTypes } from './media-type.ts';
import { isReferrersTag, type Referrer, referrersTag } from './referrer.ts';

// The specification of layouts says nothing of referrers. ORAS lists them as entries without a name, and looks into all
// entries; regctl keeps the list of the referrers tag schema under an entry of that name. Both find what is written in both ways.

/** The entry of the list of a subject's referrers, if there is one. */
export function referrersEntry(index: ImageIndex, subject: Digest): Descriptor | undefined {
  return findEntry(index, referrersTag(subject), 'the layout');
}

/** Whether an entry is not for itself but belongs to another by its name: a list of referrers, or a digest tag. */
export function isAttachedName(entry: Descriptor): boolean {
  const name = refNameOf(entry);
  return name !== undefined && (isReferrersTag(name) || /^sha256-[a-f0-9]{64}\./.test(name));
}

/**
 * The list of a subject's referrers with more of them.
 *
 * @param old the list so far
 * @returns `undefined` when the list has them already
 */
export function withReferrers(old: ImageIndex | undefined, referrers: readonly Referrer[]): Uint8Array | undefined {
  const manifests = old?.manifests ?? [];
  const known = new Set(manifests.map(({ digest }) => digest));
  const fresh = referrers.map(({ descriptor }) => descriptor).filter(({ digest }) => !known.has(digest));
  if (fresh.length === 0) return undefined;
  const list = [...manifests, ...fresh].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const head = { schemaVersion: 2, mediaType: mediaTypes.ociIndex };
  return new TextEncoder().encode(encodeJson({ ...head, ...old, manifests: list } as unknown as JsonValue));
}

/** The index with entries for referrers, and for the list of them. */
export function withReferrerEntries(
  index: ImageIndex,
  subject: Digest,
  list: Descriptor,
  referrers: readonly Referrer[],
): ImageIndex {
  const entries = referrers.map(({ descriptor }) => descriptor);
  const named = { ...list, annotations: { [annotationKeys.refName]: referrersTag(subject) } };
  return [...entries, named].reduce(withEntry, index);
}

/** Referrers by their subjects. */
export function bySubject<R extends Referrer>(referrers: readonly R[]): ReadonlyMap<Digest, readonly R[]> {
  const groups = new Map<Digest, R[]>();
  for (const referrer of referrers) {
    const group = groups.get(referrer.subject) ?? [];
    group.push(referrer);
    groups.set(referrer.subject, group);
  }
  return groups;
}
