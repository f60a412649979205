import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { DockerArchive } from '../archive/docker-archive.ts';
import type { OciArchive } from '../archive/oci-archive.ts';
import { OciError, quoted } from '../errors.ts';
import type { Artifact } from '../store/artifact.ts';
import { hasLocalPrefix, isLocal, parseLocation } from './location.ts';
import { openLocation } from './open.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

export interface OpenPathOptions {
  /** Of a layout the whole index.json, not its only entry. @default false */
  readonly wholeIndex?: boolean | undefined;
}

/** The artifact in a file or directory: a layout, an archive of either kind, standard input, or a prefixed location. */
export async function openPath(session: Session, path: string, options: OpenPathOptions = {}): Promise<Artifact> {
  if (hasLocalPrefix(path)) {
    const location = parseLocation(path);
    if (!isLocal(location)) throw new OciError('INVALID_REFERENCE', `${quoted(path)} is not local`);
    if (options.wholeIndex !== true || location.kind !== 'oci') return openLocation(session, location);
    return openDirectory(session, location.path, options);
  }
  if (path === '-') return onlyImage(session, await openArchiveStore(session, path), 'standard input');
  const found = await existing(path);
  if (found.isDirectory()) return openDirectory(session, path, options);
  return onlyImage(session, await openArchiveStore(session, path), path);
}

/** @throws {OciError} `NOT_FOUND`, in the words of crane */
export async function existing(path: string): Promise<Stats> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) return found;
  throw new OciError('NOT_FOUND', `stat ${path}: no such file or directory`, {
    hint: 'Name a docker or OCI archive, the directory of an OCI layout, or - for standard input',
  });
}

/** An archive of either kind with all of its images, from a file or standard input. */
export async function openArchiveStore(session: Session, path: string): Promise<DockerArchive | OciArchive> {
  const [file, shown] = path === '-' ? [await spoolStdin(session), 'standard input'] : [path, path];
  const { openArchive } = await import('../archive/open-archive.ts');
  return step(`loading ${JSON.stringify(shown)} as tarball`, async () =>
    session.use(await openArchive(file, { name: shown, signal: session.signal })),
  );
}

async function openDirectory(
  session: Session,
  path: string,
  { wholeIndex = false }: OpenPathOptions,
): Promise<Artifact> {
  const { openLayout } = await import('../layout/layout-store.ts');
  return step(`loading ${path} as OCI layout`, async () => {
    const store = await openLayout(path, session);
    return wholeIndex ? store.indexArtifact(session) : { store, root: await store.resolveSingle(session) };
  });
}

function onlyImage(session: Session, store: DockerArchive | OciArchive, shown: string): Promise<Artifact> {
  return step(`loading ${JSON.stringify(shown)} as tarball`, async () => ({
    store,
    root: await store.resolveSingle(session),
  }));
}

/** An archive is read in many places, so it has to be a file first. */
async function spoolStdin(session: Session): Promise<string> {
  if (session.process.stdin.isTTY) {
    throw new OciError('NOT_FOUND', 'There is no archive on standard input', {
      hint: 'Pipe one in: docker save IMAGE | crane push - REF',
    });
  }
  const { spool } = await import('../content/spool.ts');
  return session.use(await spool(session.process.stdin, session)).path;
}
