import { OciError, quoted } from '../errors.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { parseReference, parseTag, type Reference } from '../oci/reference.ts';

/** What an argument that names an image can mean: a registry's, or local content with an explicit prefix. */
export type Location =
  | { readonly kind: 'registry'; readonly text: string; readonly reference: Reference }
  | LocalLocation;

export interface LocalLocation {
  readonly kind: 'oci' | 'oci-archive' | 'docker-archive' | 'docker-daemon';
  readonly text: string;
  /** In a Docker engine the name or ID of the image. */
  readonly path: string;
  /** For a docker archive a tag or a whole reference, as `docker save` keeps them; in an engine the name, when it has a tag. */
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const prefix = /^(oci|oci-archive|docker-archive|docker-daemon):(.*)$/s;

/**
 * Reads an image argument: `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]`, `docker-archive:FILE[:TAG]`,
 * `docker-daemon:NAME[:TAG|@DIGEST]` or `docker-daemon:ID`, else a reference. The prefixes shadow only
 * `docker.io/library/oci` and the like, which do not exist, and which can still be written in full.
 *
 * @throws {OciError} `INVALID_REFERENCE`, `INVALID_DIGEST`
 */
export function parseLocation(text: string): Location {
  const [, kind, rest = ''] = prefix.exec(text) ?? [];
  if (kind === undefined || rest.startsWith('//')) return { kind: 'registry', text, reference: parseReference(text) };
  if (rest === '') {
    const what = kind === 'docker-daemon' ? 'NAME' : 'PATH';
    throw new OciError('INVALID_REFERENCE', `Invalid location ${quoted(text)}: the ${what.toLowerCase()} is missing`, {
      hint: `Write ${kind}:${what}, or docker.io/library/${kind} for an image of that name`,
    });
  }
  if (kind === 'docker-daemon') return { kind, text, ...splitName(rest) };
  return { kind: kind as LocalLocation['kind'], text, ...splitPath(rest, kind, text) };
}

/** Whether an argument says by its prefix that it names local content, and can be nothing else. */
export function hasLocalPrefix(text: string): boolean {
  return prefix.test(text);
}

export function isLocal(location: Location): location is LocalLocation {
  return location.kind !== 'registry';
}

function splitPath(rest: string, kind: string, text: string): Pick<LocalLocation, 'path' | 'tag' | 'digest'> {
  const at = rest.lastIndexOf('@');
  if (at > 0 && /^sha(?:256|512):/.test(rest.slice(at + 1))) {
    return { path: rest.slice(0, at), digest: parseDigest(rest.slice(at + 1)) };
  }
  const colon = kind === 'docker-archive' ? rest.indexOf(':', driveLength(rest)) : rest.lastIndexOf(':');
  if (colon < driveLength(rest) || colon < 1) return { path: rest };
  const tag = rest.slice(colon + 1);
  // A colon with a slash behind it belongs to the path, except in front of the whole reference of a docker archive.
  if (kind === 'docker-archive' && tag !== '') return { path: rest.slice(0, colon), tag: parseReference(tag).text };
  if (/[/\\]/.test(tag)) return { path: rest };
  return { path: rest.slice(0, colon), tag: parseTag(tag, text) };
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
