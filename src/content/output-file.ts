import { lstat, open, realpath, stat } from 'node:fs/promises';
import { fileFault } from './file-fault.ts';
import { type ByteSource, discard } from './bytes.ts';
import { writeChunks, writeFileAtomically, type WriteFileOptions } from './file.ts';

/** Where a user wants something written. */
export interface OutputPlace {
  /** The file itself, when the user named a link to it. */
  readonly path: string;
  /** A pipe, a device or the like: it can only be written from start to end, and must not be replaced by a file. */
  readonly isStream: boolean;
}

/**
 * Looks at what a path that a user named as an output is. Not for paths inside of a directory that others fill: links are
 * followed here.
 */
export async function outputPlace(path: string): Promise<OutputPlace> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.isFile() || found.isDirectory()) return { path, isStream: false };
  const target = await stat(path).catch(() => undefined);
  // A link to nothing: what is opened through it comes into being there.
  if (target?.isFile() !== true) return { path, isStream: target?.isDirectory() !== true };
  return { path: await realpath(path), isStream: false };
}

/** Writes a file whole or not at all, or passes everything to a pipe or device. @throws {OciError} `FILE_SYSTEM` */
export async function writeOutputFile(path: string, source: ByteSource, options: WriteFileOptions = {}): Promise<void> {
  const place = await outputPlace(path);
  await (place.isStream ? writeInOrder(path, source, options) : writeFileAtomically(place.path, source, options));
}

async function writeInOrder(path: string, source: ByteSource, { copies, signal }: WriteFileOptions): Promise<void> {
  try {
    signal?.throwIfAborted();
    const handle = await open(path, 'w');
    try {
      await writeChunks(handle, source, { copies, signal });
    } finally {
      await handle.close();
    }
  } catch (error) {
    await discard(source).catch(() => {});
    throw fileFault(error, 'write', path);
  }
}
