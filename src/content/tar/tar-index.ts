import { type FileHandle, open } from 'node:fs/promises';
import { OciError, quoted } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import { paddingOf, type TarHeader } from './entry.ts';
import { HeaderParser, type ParsedHeader } from './header-parser.ts';
import { cleanPath, joinClean } from './path.ts';

/** Where an entry's body is in the file. */
export interface TarIndexEntry {
  readonly header: Pick<TarHeader, 'name' | 'type' | 'linkname'>;
  /** First byte of the body. */
  readonly start: number;
  /** Bytes stored. */
  readonly size: number;
}

export interface IndexTarOptions extends CallOptions {
  /** Most entries that are kept in memory. @default 1_000_000 */
  readonly maxEntries?: number | undefined;
  /** Most characters of their names together; a name may have a million. @default 256 Mi */
  readonly maxNames?: number | undefined;
}

/** The entries of an archive on disk, found by name as one would after extracting it: of equal names the last one counts. */
export class TarIndex {
  readonly entries: readonly TarIndexEntry[];
  readonly #byName = new Map<string, TarIndexEntry>();

  constructor(entries: readonly TarIndexEntry[]) {
    this.entries = entries;
    for (const entry of entries) this.#byName.set(cleanPath(entry.header.name), entry);
  }

  /** The entry of that name itself, a link not followed. Names are compared without `./` and doubled slashes. */
  get(name: string): TarIndexEntry | undefined {
    return this.#byName.get(cleanPath(name));
  }

  /**
   * The file of that name, links inside the archive followed. Nothing on the disk is looked at.
   *
   * @returns `undefined` when the archive has no such entry
   * @throws {OciError} `INVALID_ARCHIVE` when links form a cycle, leave the archive, lead nowhere or end at something else than a file
   */
  resolve(name: string): TarIndexEntry | undefined {
    const seen = new Set<string>();
    let path = cleanPath(name);
    let entry = this.#byName.get(path);
    if (entry === undefined) return undefined;
    while (entry.header.type === 'symlink' || entry.header.type === 'hardlink') {
      if (seen.has(path)) throw badLink(name, 'its links form a cycle');
      seen.add(path);
      const target: string | undefined = this.#targetOf(path, entry.header);
      if (target === undefined)
        throw badLink(name, `the link ${quoted(entry.header.linkname)} leads out of the archive`);
      const next = this.#byName.get(target);
      if (next === undefined) throw badLink(name, `the link ${quoted(entry.header.linkname)} leads to nothing in it`);
      path = target;
      entry = next;
    }
    if (entry.header.type !== 'file') throw badLink(name, `it is not a file but a ${entry.header.type}`);
    return entry;
  }

  /** Hard links count from the root of the archive; some writers made them relative to the directory, like symbolic ones. */
  #targetOf(path: string, { type, linkname }: TarIndexEntry['header']): string | undefined {
    const fromRoot = joinClean('', linkname);
    if (linkname.startsWith('/')) return fromRoot;
    if (type === 'hardlink' && fromRoot !== undefined && this.#byName.has(fromRoot)) return fromRoot;
    return joinClean(path.slice(0, path.lastIndexOf('/') + 1), linkname);
  }
}

/**
 * Finds the entries of a tar archive on disk by reading its headers only; bodies are skipped, so that it takes as long for
 * gigabytes as for little.
 *
 * @param file a path, or an open file that stays the caller's
 * @throws {OciError} `INVALID_ARCHIVE` when it is no tar or is cut, `LIMIT_EXCEEDED`
 */
export async function indexTar(file: string | FileHandle, options: IndexTarOptions = {}): Promise<TarIndex> {
  options.signal?.throwIfAborted();
  if (typeof file !== 'string') return new TarIndex(await scan(file, options));
  const handle = await open(file, 'r');
  try {
    return new TarIndex(await scan(handle, options));
  } finally {
    await handle.close();
  }
}

async function scan(
  file: FileHandle,
  { signal, maxEntries = 1_000_000, maxNames = 2 ** 28 }: IndexTarOptions,
): Promise<TarIndexEntry[]> {
  const { size: end } = await file.stat();
  const window = new Window(file);
  const parser = new HeaderParser();
  const entries: TarIndexEntry[] = [];
  let names = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { header } = await nextHeader(parser, window);
    if (header === undefined) return entries;
    if (entries.length === maxEntries) {
      throw new OciError('LIMIT_EXCEEDED', `The tar archive has more than ${maxEntries} entries`);
    }
    const { name, type, linkname, size } = header;
    names += name.length + linkname.length;
    if (names > maxNames) {
      throw new OciError('LIMIT_EXCEEDED', `The names in the tar archive have more than ${maxNames} characters`);
    }
    const start = parser.offset;
    // The padding of the last body may be missing where the rest of the trailer is too.
    if (start + size > end) throw parser.cut(`the entry ${quoted(name)}`, start + size - end);
    entries.push({ header: { name, type, linkname }, start, size });
    parser.passBody(size + paddingOf(size));
  }
}

async function nextHeader(parser: HeaderParser, window: Window): Promise<ParsedHeader> {
  const steps = parser.next();
  let at = parser.offset;
  let step = steps.next();
  while (step.done !== true) {
    const bytes = window.take(at, step.value) ?? (await window.read(at, step.value));
    at += bytes.length;
    step = steps.next(bytes);
  }
  return step.value;
}

/** Headers of small entries are close together, so that more than one is read at a time. */
const windowSize = 64 * 1024;

class Window {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafeSlow(windowSize);
  #start = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** A copy of what is in the window already. */
  take(at: number, count: number): Uint8Array | undefined {
    const from = at - this.#start;
    if (from < 0 || from + count > this.#length) return undefined;
    return Uint8Array.prototype.slice.call(this.#buffer, from, from + count);
  }

  async read(at: number, count: number): Promise<Uint8Array> {
    if (count > windowSize) return this.#readWhole(at, count);
    this.#start = at;
    this.#length = await readFully(this.#file, this.#buffer, at);
    return this.take(at, Math.min(count, this.#length)) ?? new Uint8Array(0);
  }

  async #readWhole(at: number, count: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(count);
    return bytes.subarray(0, await readFully(this.#file, bytes, at));
  }
}

async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function badLink(name: string, reason: string): OciError {
  return new OciError('INVALID_ARCHIVE', `The archive's entry ${quoted(name)} cannot be read: ${reason}`);
}
