import { encodeJson, type JsonValue } from '../../oci/json.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { ListedManifest } from '../../remote/listing/repository-page.ts';

/**
 * A repository as lines of full names: what lies below, then each manifest by digest with its tags behind it; of registries
 * that do not list manifests, the tags. crane-cli reference, section 10.3, with the manifests in the order of their digests.
 */
export function listingLines(
  name: string,
  { children, manifests, tags, listsManifests }: RepositoryListing,
  { withChildren }: { readonly withChildren: boolean },
): string {
  const lines = withChildren ? children.map((child) => `${name}/${child}`) : [];
  for (const { digest, tags: own } of manifests.values()) {
    lines.push(`${name}@${digest}`);
    for (const tag of own) lines.push(`${name}:${tag}`);
  }
  if (!listsManifests || manifests.size === 0) for (const tag of tags) lines.push(`${name}:${tag}`);
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * A repository as one line of JSON, as gcrane writes it: numbers as text, and null for lists that a registry does not give.
 * gcrane leaves out the name of a repository of another registry; here every line says what it is about.
 *
 * @param knownAs its name where the listing has none
 */
export function listingJson(listing: RepositoryListing, knownAs: string): string {
  const { name, children, manifests, tags, listsManifests, listsChildren } = listing;
  const isRich = children.length + manifests.size > 0;
  const entries = Array.from(manifests.values(), (manifest) => [manifest.digest, entryOf(manifest)] as const);
  return `${encodeJson({
    child: isRich && (listsChildren || !listsManifests) ? children : null,
    manifest: isRich ? new Map(entries) : null,
    name: name === '' ? knownAs : name,
    tags: isRich || tags.length > 0 ? tags : null,
  })}\n`;
}

function entryOf({ imageSize = 0, mediaType, created = 0, uploaded = 0, tags }: ListedManifest): JsonValue {
  return {
    imageSizeBytes: String(imageSize),
    mediaType,
    timeCreatedMs: String(created),
    timeUploadedMs: String(uploaded),
    tag: tags,
  };
}
