import type { DockerArchive } from '../archive/docker-archive.ts';
import type { OciArchive } from '../archive/oci-archive.ts';
import type { TarFile } from '../archive/tar-file.ts';
import { checkThere } from './local-content.ts';
import type { LocalLocation } from './location.ts';
import type { Session } from './session.ts';

/** Archives that were opened in a run, by kind and path: one that several arguments name is read once. */
const opened: WeakMap<Session, Map<string, Promise<DockerArchive | OciArchive>>> = new WeakMap();

/** The tar archives in them: standard input, and a compressed file, is unpacked once whatever it is read as. */
const unpacked: WeakMap<Session, Map<string, Promise<TarFile>>> = new WeakMap();

/** What messages call the archive of a location. */
export function archiveName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/**
 * Opens an archive for the time of the command, with all of its images; `-` is standard input.
 *
 * @throws {UsageError} when standard input is something else already; {OciError} as the library's `openArchive`
 */
export function openArchiveAt(
  session: Session,
  kind: LocalLocation['kind'],
  path: string,
): Promise<DockerArchive | OciArchive> {
  return once(opened, session, `${kind} ${path}`, async () =>
    read(session, kind, await once(unpacked, session, path, () => unpack(session, path))),
  );
}

async function unpack(session: Session, path: string): Promise<TarFile> {
  const { signal } = session;
  if (path !== '-') await checkThere(path, 'file');
  const input = path === '-' ? session.streams.archiveInput() : path;
  const { openTarFile } = await import('../archive/tar-file.ts');
  return session.use(await openTarFile(input, { name: archiveName(path), signal }));
}

async function read(session: Session, kind: LocalLocation['kind'], file: TarFile): Promise<DockerArchive | OciArchive> {
  switch (kind) {
    case 'oci-archive': {
      const { readOciArchive } = await import('../archive/oci-archive.ts');
      return session.use(await readOciArchive(file, session));
    }
    case 'docker-archive': {
      const { readDockerArchive } = await import('../archive/docker-archive.ts');
      return session.use(await readDockerArchive(file, session));
    }
    default: {
      const { readArchive } = await import('../archive/open-archive.ts');
      return session.use(await readArchive(file, session));
    }
  }
}

function once<T>(
  known: WeakMap<Session, Map<string, Promise<T>>>,
  session: Session,
  key: string,
  make: () => Promise<T>,
): Promise<T> {
  const made = known.get(session) ?? new Map<string, Promise<T>>();
  known.set(session, made);
  const found = made.get(key) ?? make();
  made.set(key, found);
  return found;
}
