import { isOciError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { algorithmOf, type Digest, hexOf } from './digest.ts';
import { type Manifest, parseManifest } from './manifest.ts';

/** The tag that lists a subject's referrers where nothing else does. OCI distribution-spec, "Referrers Tag Schema". */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`;
}

/** Whether a tag has the form of {@link referrersTag}. */
export function isReferrersTag(tag: string): boolean {
  return /^sha(?:256|512)-[a-f0-9]{64}$/.test(tag);
}

/** A manifest that points at another one with its `subject`. */
export interface Referrer {
  readonly subject: Digest;
  /** Describes the referrer as a list of referrers does: with artifact type and annotations. */
  readonly descriptor: Descriptor;
}

/**
 * Whom a manifest refers to, and how the list of referrers names it. OCI distribution-spec, "Listing Referrers".
 *
 * @returns `undefined` when the manifest has no subject
 */
export function referrerOf(manifest: Manifest, { mediaType, digest, size }: Descriptor): Referrer | undefined {
  if (manifest.kind === 'schema1') return undefined;
  const document = manifest.kind === 'index' ? manifest.index : manifest.image;
  const { subject, annotations } = document;
  if (subject === undefined) return undefined;
  const own = document.artifactType === '' ? undefined : document.artifactType;
  const artifactType = own ?? (manifest.kind === 'image' ? manifest.image.config.mediaType : undefined);
  return {
    subject: subject.digest,
    descriptor: {
      // In Go's order: the list under a subject's tag has the digest that crane's has.
      mediaType,
      size,
      digest,
      ...(annotations === undefined ? {} : { annotations }),
      ...(artifactType === undefined ? {} : { artifactType }),
    },
  };
}

/** {@link referrerOf} for bytes that need not be a manifest: stores keep any bytes that match their digest. */
export function referrerIn(bytes: Uint8Array, target: Descriptor): Referrer | undefined {
  try {
    return referrerOf(parseManifest(bytes, target), target);
  } catch (error) {
    if (isOciError(error)) return undefined;
    throw error;
  }
}
