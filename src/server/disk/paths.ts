import { join } from 'node:path';
import { algorithmOf, type Digest, hexOf, isDigest } from '../../oci/digest.ts';
import { isTag } from '../../oci/reference.ts';

// The directory of a registry:
//
//   blobs/sha256/ab/HEX                              every blob once
//   repositories/NAME/_blobs/sha256/HEX              a hard link to it: the repository has the blob
//   repositories/NAME/_manifests/sha256/HEX          the manifest's bytes
//   repositories/NAME/_manifests/sha256/HEX.type     its media type, where the bytes do not say it themselves
//   repositories/NAME/_tags/TAG                      a digest
//   repositories/NAME/_referrers/sha256/HEX/DIGEST   who has that manifest as subject; the descriptor
//   uploads/SESSION.MARK                             what arrived so far
//
// No part of a repository's name starts with an underscore, so that names inside of names do not collide.

/** The shared copy of a blob. */
export function sharedBlobPath(root: string, digest: Digest): string {
  const hex = hexOf(digest);
  return join(root, 'blobs', algorithmOf(digest), hex.slice(0, 2), hex);
}

export function uploadsPath(root: string): string {
  return join(root, 'uploads');
}

export function repositoriesPath(root: string): string {
  return join(root, 'repositories');
}

/** `name` is a checked repository name: it has neither empty nor dotted parts. */
export function repositoryPath(root: string, name: string): string {
  return join(repositoriesPath(root), name);
}

export function blobPath(repository: string, digest: Digest): string {
  return join(repository, '_blobs', algorithmOf(digest), hexOf(digest));
}

export function manifestPath(repository: string, digest: Digest): string {
  return join(repository, '_manifests', algorithmOf(digest), hexOf(digest));
}

export function manifestTypePath(repository: string, digest: Digest): string {
  return `${manifestPath(repository, digest)}.type`;
}

export function tagsPath(repository: string): string {
  return join(repository, '_tags');
}

export function tagPath(repository: string, tag: string): string {
  return join(tagsPath(repository), fileOfTag(tag));
}

export function referrersPath(repository: string, subject: Digest): string {
  return join(repository, '_referrers', algorithmOf(subject), hexOf(subject));
}

export function referrerPath(repository: string, subject: Digest, digest: Digest): string {
  return join(referrersPath(repository, subject), digest.replace(':', '-'));
}

/** The digest a file of {@link referrersPath} stands for. */
export function digestOfReferrerFile(file: string): Digest | undefined {
  const digest = file.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}

/**
 * The file of a tag. `Latest` and `latest` are two tags, but one file where file names ignore case: which letters are upper
 * case is written behind the name, as the bits of a hexadecimal number.
 */
export function fileOfTag(tag: string): string {
  let upper = 0n;
  for (let i = 0; i < tag.length; i++) if (/[A-Z]/.test(tag.charAt(i))) upper |= 1n << BigInt(i);
  return upper === 0n ? tag : `${tag.toLowerCase()}!${upper.toString(16)}`;
}

/** The tag of a file, `undefined` for temporary and foreign files. */
export function tagOfFile(file: string): string | undefined {
  const mark = file.indexOf('!');
  if (mark < 0) return isTag(file) ? file : undefined;
  const bits = file.slice(mark + 1);
  if (!/^[0-9a-f]{1,32}$/.test(bits)) return undefined;
  const upper = BigInt(`0x${bits}`);
  const letters = Array.from(file.slice(0, mark), (letter, i) =>
    (upper >> BigInt(i)) & 1n ? letter.toUpperCase() : letter,
  );
  const tag = letters.join('');
  return isTag(tag) ? tag : undefined;
}
