import type { FileHandle } from 'node:fs/promises';
import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import { discard } from '../content/bytes.ts';
import { createFileAtomically, writeChunks } from '../content/file.ts';
import { outputPlace, writeOutputFile } from '../content/output-file.ts';
import { encodeTarHeader } from '../content/tar/encode-header.ts';
import { paddingOf } from '../content/tar/entry.ts';
import { type TarInput, tarTrailer, writeTar } from '../content/tar/writer.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { CallOptions } from '../options.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { PlannedFile } from './docker-archive-plan.ts';

/** Where an archive is written when it is not a file: chunk after chunk, each awaited. */
export interface ByteSink {
  write(chunk: Uint8Array): Promise<void>;
}

export interface WriteArchiveOptions extends CallOptions, ProgressOptions {
  /** Layers that are fetched at once. @default 4 */
  readonly concurrency?: number | undefined;
}

/**
 * Writes files whose sizes are known into one tar file. Layers are fetched at the same time, each written at its own place.
 * The file appears when it is complete.
 */
export async function writePlannedFile(
  path: string,
  files: readonly PlannedFile[],
  options: WriteArchiveOptions,
): Promise<void> {
  await createFileAtomically(path, (handle) => fill(handle, files, options), { signal: options.signal });
}

/** The same bytes one after the other, for pipes. */
export async function* plannedChunks(
  files: readonly PlannedFile[],
  options: WriteArchiveOptions,
): AsyncGenerator<Uint8Array, void> {
  yield* writeTar(tarInputs(files, options));
}

/** The header of every file in these archives. */
export function archiveHeader(name: string, size: number): Uint8Array {
  return encodeTarHeader({ name, mode: 0o644, size });
}

/** Writes to a file, a pipe or device by its path, or a sink, whichever `output` is. */
export async function writeOutput(
  output: string | ByteSink,
  toFile: (path: string) => Promise<void>,
  chunks: () => AsyncIterable<Uint8Array>,
  { signal }: CallOptions,
): Promise<void> {
  if (typeof output === 'string') {
    const { path, isStream } = await outputPlace(output);
    return isStream ? writeOutputFile(path, chunks(), { signal }) : toFile(path);
  }
  for await (const chunk of chunks()) await output.write(chunk);
}

async function fill(handle: FileHandle, files: readonly PlannedFile[], options: WriteArchiveOptions): Promise<void> {
  queued(files, options);
  const controller = new AbortController();
  const signal = joinSignals(options.signal, controller.signal);
  const limiter = new Limiter(options.concurrency ?? 4);
  const tasks: Promise<void>[] = [];
  let position = 0;
  for (const file of files) {
    const start = position;
    const header = archiveHeader(file.name, sizeOf(file));
    position += header.length + sizeOf(file) + paddingOf(sizeOf(file));
    const write = async (): Promise<void> => {
      await writeChunks(handle, header, { position: start });
      const body = await bodyOf(file, { ...options, signal });
      await writeChunks(handle, body, { position: start + header.length, signal });
      finished(file, options);
    };
    tasks.push(limiter.run(write, signal));
  }
  for (const task of tasks) task.catch((error: unknown) => controller.abort(error));
  const results = await Promise.allSettled(tasks);
  options.signal?.throwIfAborted();
  // The first failure aborted the others, so its reason is the signal's.
  if (results.some(({ status }) => status === 'rejected')) throw controller.signal.reason;
  // Padding needs no writing: what is skipped reads as zeros.
  await writeChunks(handle, tarTrailer, { position });
}

async function* tarInputs(files: readonly PlannedFile[], options: WriteArchiveOptions): AsyncGenerator<TarInput, void> {
  queued(files, options);
  for (const file of files) {
    const body = await bodyOf(file, options);
    try {
      yield { blocks: archiveHeader(file.name, sizeOf(file)), size: sizeOf(file), body };
    } finally {
      // It may not have been begun when writing failed.
      await discard(body);
    }
    finished(file, options);
  }
}

function sizeOf(file: PlannedFile): number {
  return 'bytes' in file ? file.bytes.byteLength : file.target.size;
}

async function bodyOf(
  file: PlannedFile,
  { signal, onProgress }: WriteArchiveOptions,
): Promise<VerifiedStream | Uint8Array> {
  if ('bytes' in file) return file.bytes;
  const { store, target } = file;
  onProgress?.({ type: 'start', target, offset: 0 });
  const stream = VerifiedStream.of(await store.fetch(target, { signal, onProgress }), target);
  return onProgress === undefined ? stream : stream.onBytes((bytes) => onProgress({ type: 'chunk', target, bytes }));
}

function queued(files: readonly PlannedFile[], { onProgress }: WriteArchiveOptions): void {
  for (const file of files) if ('target' in file) onProgress?.({ type: 'queued', target: file.target });
}

function finished(file: PlannedFile, { onProgress }: WriteArchiveOptions): void {
  if ('target' in file) onProgress?.({ type: 'finish', target: file.target });
}
