import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  /** A path inside. */
  file(...segments: readonly string[]): string;
  remove(): Promise<void>;
}

/**
 * A new empty directory; whoever makes it removes it. The path is short enough for unix sockets and in lower case, since
 * some clients take a path for a reference.
 */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = join(tmpdir(), `crane-${randomBytes(6).toString('hex')}`);
  await mkdir(path, { mode: 0o700 });
  return {
    path,
    file: (...segments) => join(path, ...segments),
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}
