import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Limiter } from '../async/limiter.ts';
import { collect } from '../content/bytes.ts';
import { type HeldLock, type LockOptions, withFileLock } from '../content/file-lock.ts';
import { readFileStream, writeFileAtomically } from '../content/file.ts';
import { maxManifestSize } from '../content/limit.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import {
  checkLayoutMarker,
  emptyLayoutIndex,
  encodeLayoutIndex,
  layoutIndexName,
  layoutMarker,
  layoutMarkerName,
  parseLayoutIndex,
} from '../oci/image-layout.ts';
import type { ImageIndex } from '../oci/manifest.ts';
import type { CallOptions } from '../options.ts';

// The name must not look like content to other tools, and sits beside what it protects.
const lockName = '.index.json.lock';

/** A lock on a layout that is held. */
export interface LayoutLock extends HeldLock {
  /** What time it is by the clock of the file system, in milliseconds: it may be another machine's. */
  now(): Promise<number>;
}
const maxMarkerSize = 64 * 1024;

/**
 * @param bytes those the index was read from; `undefined` when there is no `index.json`
 * @returns `undefined` to leave everything as it is
 */
type IndexChange = (index: ImageIndex, bytes: Uint8Array | undefined) => ImageIndex | undefined;

/** The `index.json` of a layout directory: read at every question, so that what other processes write is seen. */
export class IndexFile {
  readonly #root: string;
  readonly #lock: Pick<LockOptions, 'staleAfter' | 'patience'>;
  // Within one process a queue is quicker than polling the lock file.
  readonly #queue = new Limiter(1);
  #wroteMarker = false;

  constructor(root: string, lock: Pick<LockOptions, 'staleAfter' | 'patience'> = {}) {
    this.#root = root;
    this.#lock = lock;
  }

  /** `undefined` when there is no `index.json`. */
  async readBytes({ signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    return readSmall(join(this.#root, layoutIndexName), maxManifestSize, signal);
  }

  /** The empty index when there is no `index.json`. */
  async read(options: CallOptions = {}): Promise<ImageIndex> {
    const bytes = await this.readBytes(options);
    return bytes === undefined ? emptyLayoutIndex : parseLayoutIndex(bytes, quoted(this.#root));
  }

  /** @throws {OciError} `NOT_FOUND` when there is no such directory, `INVALID_LAYOUT` when it has no `index.json`, `UNSUPPORTED` for another version of the format */
  async check(options: CallOptions = {}): Promise<void> {
    const bytes = await this.readBytes(options);
    if (bytes === undefined) {
      const isThere = await stat(this.#root).catch(() => undefined);
      if (isThere === undefined) throw new OciError('NOT_FOUND', `There is no directory ${quoted(this.#root)}`);
      throw new OciError('INVALID_LAYOUT', `${quoted(this.#root)} is no OCI image layout: it has no index.json`, {
        hint: 'Name a directory that was written with "crane pull --format oci" or a like command',
      });
    }
    parseLayoutIndex(bytes, quoted(this.#root));
    const marker = await readSmall(join(this.#root, layoutMarkerName), maxMarkerSize, options.signal);
    if (marker !== undefined) checkLayoutMarker(marker, quoted(this.#root));
  }

  /** Reads, changes and replaces the index as one step among all processes. An index that `change` returns as it was stays. */
  async update(change: IndexChange, { signal }: CallOptions = {}): Promise<void> {
    await this.#queue.run(async () => {
      while (!(await this.#tryUpdate(change, signal)));
    }, signal);
  }

  /** Runs a short task while nobody changes the index, nor begins to add content ({@link openWriter}). */
  async locked<T>(task: (lock: LayoutLock) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    return this.#queue.run(() => this.#lockedOnce(task, signal), signal);
  }

  /** Removes what an update that failed halfway has left in a new layout. */
  async rollback(): Promise<void> {
    if (this.#wroteMarker) await rm(join(this.#root, layoutMarkerName), { force: true });
  }

  /** @returns whether the lock was held to the end */
  #tryUpdate(change: IndexChange, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#lockedOnce(async (lock) => {
      const before = await this.readBytes({ signal });
      const index = before === undefined ? emptyLayoutIndex : parseLayoutIndex(before, quoted(this.#root));
      const changed = change(index, before);
      if (changed === undefined || (changed === index && before !== undefined)) return true;
      const after = Buffer.from(encodeLayoutIndex(changed));
      if (before !== undefined && after.equals(before)) return true;
      await this.#writeMarker(signal);
      if (!(await lock.isHeld())) return false;
      await writeFileAtomically(join(this.#root, layoutIndexName), after, { signal });
      return true;
    }, signal);
  }

  #lockedOnce<T>(task: (lock: LayoutLock) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const path = join(this.#root, lockName);
    const now = async (): Promise<number> => (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
    return withFileLock(path, (lock) => task({ ...lock, now }), { ...this.#lock, signal });
  }

  async #writeMarker(signal: AbortSignal | undefined): Promise<void> {
    const path = join(this.#root, layoutMarkerName);
    if ((await readSmall(path, maxMarkerSize, signal)) !== undefined) return;
    await writeFileAtomically(path, Buffer.from(layoutMarker), { signal });
    this.#wroteMarker = true;
  }
}

async function readSmall(
  path: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    return await collect(await readFileStream(path, { signal, regularOnly: true }), limit, quoted(path));
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
