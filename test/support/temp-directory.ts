import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  /** A path inside. */
  file(...segments: readonly string[]): string;
  remove(): Promise<void>;
}

/** A new empty directory; whoever makes it removes it. The path is short enough for unix sockets. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'crane-'));
  return {
    path,
    file: (...segments) => join(path, ...segments),
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}
