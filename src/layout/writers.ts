import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFault } from '../content/file-fault.ts';
import type { CallOptions } from '../options.ts';
import type { IndexFile, LayoutLock } from './index-file.ts';

// Whoever adds to a layout writes blobs first, or finds them there, and lists them at the end. In between nothing shows that
// somebody counts on them, except these files.

const writerName = /^\.writer-[0-9a-f]{16}$/;
const heartbeat = 20_000;
/** A writer that was not heard of for so long, in milliseconds, was killed. */
const lifetime = 120_000;

/**
 * Announces somebody who adds content, until it is disposed of; in a directory that is no layout yet nobody collects. Waits
 * for a collection that is under way.
 */
export async function openWriter(root: string, index: IndexFile, options: CallOptions): Promise<AsyncDisposable> {
  if ((await index.readBytes(options)) === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const path = join(root, `.writer-${randomBytes(8).toString('hex')}`);
  const handle = await index.locked(
    () =>
      open(path, 'wx').catch((error: unknown) => {
        throw fileFault(error, 'write', path);
      }),
    options,
  );
  // Written and not only touched: the time is then that of the file system's own clock.
  const beat = setInterval(() => void handle.write('.', 0).catch(() => {}), heartbeat);
  beat.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      await handle.close();
      await rm(path, { force: true });
    },
  };
}

/** Whether somebody is adding content. Files of those who were killed are removed. */
export async function hasWriters(root: string, lock: LayoutLock): Promise<boolean> {
  const names = (await readdir(root)).filter((name) => writerName.test(name));
  if (names.length === 0) return false;
  const now = await lock.now();
  let found = false;
  for (const name of names) {
    const path = join(root, name);
    const age = now - ((await lstat(path).catch(() => undefined))?.mtimeMs ?? 0);
    if (age < lifetime) found = true;
    else await rm(path, { force: true });
  }
  return found;
}
