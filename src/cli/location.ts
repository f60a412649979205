import { OciError, quoted } from '../errors.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { formatRepository, parseReference, parseTag, type Reference } from '../oci/reference.ts';

/** What an argument that names an image can mean: a registry's, or local content with an explicit prefix, or `-`. */
export type Location =
  | { readonly kind: 'registry'; readonly text: string; readonly reference: Reference }
  | LocalLocation;

export interface LocalLocation {
  /** `archive` is one of either kind, as `-` and bare paths name it; what is written there is a docker archive. */
  readonly kind: 'oci' | 'oci-archive' | 'docker-archive' | 'archive' | 'docker-daemon';
  /** As typed. */
  readonly text: string;
  /** Of an archive `-` for standard input and output. In a Docker engine the name or ID of the image. */
  readonly path: string;
  /**
   * The name of an entry: in layouts a tag or a full reference, in a docker archive a reference, as `docker save` keeps them; in
   * an engine the name, when it has a tag.
   */
  readonly tag?: string | undefined;
  /** Beside a tag, content is read by the digest, and written under the tag if it has that digest. */
  readonly digest?: Digest | undefined;
}

/** Content in a file, or in a stream. */
export interface ArchiveLocation extends LocalLocation {
  readonly kind: 'oci-archive' | 'docker-archive' | 'archive';
}

const prefix = /^(oci|oci-archive|docker-archive|docker-daemon):(.*)$/s;

/** Stands for standard input where an archive is read, and for standard output where one is written. */
const standardStream = '-';

/**
 * Reads an image argument: `oci:DIR[:TAG][@DIGEST]`, `oci-archive:FILE[:TAG][@DIGEST]`, `docker-archive:FILE[:NAME][@DIGEST]`,
 * each FILE perhaps `-`, `-` alone, `docker-daemon:NAME[:TAG|@DIGEST]` or `docker-daemon:ID`, else a reference. The prefixes
 * shadow only `docker.io/library/oci` and the like, which do not exist, and which can still be written in full.
 *
 * @throws {OciError} `INVALID_REFERENCE`, `INVALID_DIGEST`
 */
export function parseLocation(text: string): Location {
  if (text === standardStream) return { kind: 'archive', text, path: text };
  if (/^-[:@]/.test(text)) throw invalid(text, 'behind - nothing can be named', `Write docker-archive:${text}`);
  const [, kind, rest = ''] = prefix.exec(text) ?? [];
  if (kind === undefined || rest.startsWith('//')) return { kind: 'registry', text, reference: parseReference(text) };
  if (rest === '') {
    const what = kind === 'docker-daemon' ? 'NAME' : 'PATH';
    throw new OciError('INVALID_REFERENCE', `Invalid location ${quoted(text)}: the ${what.toLowerCase()} is missing`, {
      hint: `Write ${kind}:${what}, or docker.io/library/${kind} for an image of that name`,
    });
  }
  if (kind === 'docker-daemon') return { kind, text, ...splitName(rest) };
  const location = { kind: kind as LocalLocation['kind'], text, ...splitPath(rest, kind, text) };
  if (kind !== 'oci' || location.path !== standardStream) return location;
  throw invalid(
    text,
    'a layout is a directory, and cannot be standard input or output',
    `Write oci-archive:${rest}, or oci:./${rest} for a directory of that name`,
  );
}

/** Whether an argument says by its prefix, or as `-`, that it names local content, and can be nothing else. */
export function hasLocalPrefix(text: string): boolean {
  return text === standardStream || prefix.test(text);
}

export function isLocal(location: Location): location is LocalLocation {
  return location.kind !== 'registry';
}

/** Whether an archive comes on standard input, or goes to standard output. */
export function isStandardStream(location: Location): location is ArchiveLocation {
  return isArchive(location) && location.path === standardStream;
}

/** Whether a location is in a file, which cannot be changed in place. */
export function isArchive(location: Location): location is ArchiveLocation {
  return location.kind === 'archive' || location.kind === 'oci-archive' || location.kind === 'docker-archive';
}

/** Whether a place takes single images only: of an index one has to be chosen. */
export function takesOneImage({ kind }: Location): boolean {
  return kind === 'docker-archive' || kind === 'archive';
}

/** A location of local content as {@link parseLocation} reads it. Layouts and archives only. */
export function formatLocation({ kind, path, tag, digest }: Omit<LocalLocation, 'text'>): string {
  const name = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
  return kind === 'archive' ? path : `${kind}:${path}${name}`;
}

/** The location with the kind of archive that was found there. */
export function withKnownKind(location: Location, store: object): Location {
  if (location.kind !== 'archive') return location;
  return { ...location, kind: 'names' in store ? 'docker-archive' : 'oci-archive' };
}

/** What names content at a location for good. Most engines know no digests of manifests: there it is the name. */
export function nameWithDigest(location: Location, digest: Digest): string {
  if (location.kind === 'docker-daemon') return location.text;
  if (location.kind === 'registry') return `${formatRepository(location.reference)}@${digest}`;
  return formatLocation({ ...location, tag: undefined, digest });
}

/** What a docker archive calls an image that comes from, or would go to, a location; `undefined` when that has no such name. */
export function imageNameOf(location: Location | undefined): Reference | undefined {
  if (location === undefined) return undefined;
  if (location.kind === 'registry') return location.reference;
  const { kind, tag } = location;
  // A tag of a layout is no name of an image, unless it is a reference in full.
  if (tag === undefined || (isLayoutKind(kind) && !/[/:]/.test(tag))) return undefined;
  return parseReference(tag);
}

function splitPath(rest: string, kind: string, text: string): Pick<LocalLocation, 'path' | 'tag' | 'digest'> {
  const at = rest.lastIndexOf('@');
  if (at > 0 && /^sha(?:256|512):/.test(rest.slice(at + 1))) {
    const digest = parseDigest(rest.slice(at + 1));
    return { ...splitTag(rest.slice(0, at), kind, text), digest };
  }
  return splitTag(rest, kind, text);
}

function splitTag(rest: string, kind: string, text: string): Pick<LocalLocation, 'path' | 'tag'> {
  const first = rest.indexOf(':', driveLength(rest));
  if (first < 1) return { path: rest };
  const name = rest.slice(first + 1);
  // A colon with a slash behind it belongs to the path, except in front of a name in full.
  if (name !== '' && (kind === 'docker-archive' || hasRegistry(name))) {
    return { path: rest.slice(0, first), tag: parseReference(name).text };
  }
  const colon = rest.lastIndexOf(':');
  const tag = rest.slice(colon + 1);
  if (/[/\\]/.test(tag)) return { path: rest };
  return { path: rest.slice(0, colon), tag: parseTag(tag, text) };
}

/** `ghcr.io/org/app:v1`, as `crane pull --annotate-ref` names entries: its host is none of a path's directories. */
function hasRegistry(name: string): boolean {
  return /^(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.[a-z]{2,}|[a-zA-Z0-9.-]+:\d+)\/[^:]+:[^/\\:]+$/.test(name);
}

/** An ID, whole, or a reference: a short ID looks like a name, which the engine tells apart. */
function splitName(name: string): Pick<LocalLocation, 'path' | 'tag'> {
  if (name.startsWith('sha256:')) return { path: parseDigest(name) };
  return parseReference(name).digest === undefined ? { path: name, tag: name } : { path: name };
}

/** `C:\` and `C:/` start paths on Windows. */
function driveLength(path: string): number {
  return /^[a-zA-Z]:[\\/]/.test(path) ? 2 : 0;
}

function isLayoutKind(kind: LocalLocation['kind']): boolean {
  return kind === 'oci' || kind === 'oci-archive';
}

function invalid(text: string, reason: string, hint: string): OciError {
  return new OciError('INVALID_REFERENCE', `Invalid location ${quoted(text)}: ${reason}`, { hint });
}
