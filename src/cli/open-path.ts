import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OciError } from '../errors.ts';
import type { Artifact } from '../store/artifact.ts';
import { archiveName, openArchiveAt } from './archives.ts';
import { hasLocalPrefix, isArchive, type LocalLocation, type Location, parseLocation } from './location.ts';
import { openLocation } from './open.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

export interface OpenPathOptions {
  /** Of a layout or OCI archive the whole index.json, not its only entry. @default false */
  readonly wholeIndex?: boolean | undefined;
}

/**
 * Reads an argument that is a path unless it has a prefix: a layout, an archive of either kind, `-` for one on standard input,
 * or what the prefix says.
 *
 * @throws {OciError} `NOT_FOUND`, `INVALID_REFERENCE`, `INVALID_DIGEST`
 */
export async function parsePath(path: string): Promise<Location> {
  return hasLocalPrefix(path) ? parseLocation(path) : bareLocation(path);
}

/** The artifact in a file or directory, or of a prefixed location. */
export async function openPath(
  session: Session,
  location: Location,
  { wholeIndex = false }: OpenPathOptions = {},
): Promise<Artifact> {
  const { kind, text } = location;
  const open = (): Promise<Artifact> => (wholeIndex ? openWhole(session, location) : openLocation(session, location));
  if (kind === 'archive') return step(`loading ${JSON.stringify(archiveName(location.path))} as tarball`, open);
  if (kind !== 'oci' || (!wholeIndex && text !== location.path)) return open();
  return step(`loading ${location.path} as OCI layout`, open);
}

/** What has no index.json is taken for what it is, as crane does with tarballs. */
async function openWhole(session: Session, location: Location): Promise<Artifact> {
  if (isArchive(location)) {
    const archive = await openArchiveAt(session, location.kind, location.path);
    return 'indexArtifact' in archive ? archive.indexArtifact(session) : openLocation(session, location);
  }
  if (location.kind !== 'oci') return openLocation(session, location);
  const { openLayout } = await import('../layout/layout-store.ts');
  return (await openLayout(location.path, session)).indexArtifact(session);
}

/** What a path without a prefix names. @throws {OciError} `NOT_FOUND` */
export async function bareLocation(path: string): Promise<LocalLocation> {
  const kind = (await existing(path)).isDirectory() ? 'oci' : 'archive';
  return { kind, text: path, path };
}

/** @throws {OciError} `NOT_FOUND`, in the words of crane */
async function existing(path: string): Promise<Stats> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) return found;
  throw new OciError('NOT_FOUND', `stat ${path}: no such file or directory`, {
    hint: 'Name a docker or OCI archive, the directory of an OCI layout, or - for standard input',
  });
}
