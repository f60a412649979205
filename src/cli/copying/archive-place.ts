import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ByteSink } from '../../archive/archive-output.ts';
import { fileFault } from '../../content/file-fault.ts';
import { OciError, quoted } from '../../errors.ts';
import type { Session } from '../session.ts';

/**
 * Looks whether an archive can be written at all. To be called before anything is read: it would be late after minutes.
 *
 * @param path `-` for standard output
 * @throws {OciError} `FILE_SYSTEM`, `UNSUPPORTED`
 */
export async function checkArchivePlace(session: Session, path: string): Promise<void> {
  if (path === '-') return session.streams.checkArchiveOutput();
  await access(dirname(path)).catch((error: unknown) => {
    throw fileFault(error, 'write', path);
  });
}

/** Where an archive is written. With `-` nothing else goes to standard output from now on. */
export function archiveSink(session: Session, path: string): string | ByteSink {
  return path === '-' ? session.streams.archiveOutput() : path;
}

/**
 * Archives are written whole; one that is there is replaced, unless `--no-clobber` asks first.
 *
 * @throws {OciError} `CONFLICT` when the file is there
 */
export async function checkAbsent(path: string): Promise<void> {
  const exists = path === '-' ? undefined : await stat(path).catch(() => undefined);
  if (exists === undefined) return;
  throw new OciError('CONFLICT', `refusing to replace the file ${quoted(path)}`, {
    hint: 'Leave --no-clobber out to replace it',
  });
}
