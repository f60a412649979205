import type { TarHeader } from '../../content/tar/entry.ts';
import { cleanPath } from '../../content/tar/path.ts';
import { encodeText } from '../../content/tar/text.ts';
import type { DirectoryAttributes } from './attributes.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import type { PagedMemory } from './paged-memory.ts';
import { markOf } from './whiteout.ts';

export type EntryKind = 'directory' | 'symlink' | 'hardlink' | 'other';

/** What was noted of one entry. The path is good until the next one is asked for. */
export interface LoggedEntry {
  readonly kind: EntryKind;
  /** It is not shown, but hard links of the same layer may lead to it. */
  readonly isPrivate: boolean;
  /** Its place among all entries of the layer, whiteouts included. */
  readonly ordinal: number;
  readonly path: Uint8Array;
  /** How many bytes at its start `path` has in common with the one before. */
  readonly shared: number;
  /** Of a symbolic link as it is, of a hard link cleaned; empty for everything else. */
  readonly target: Uint8Array;
  /** Of a directory, their place; 0 for everything else. */
  readonly attributes: number;
}

/** Names and kinds of a layer's entries in about 20 bytes each, since a whiteout at the end counts from the start. */
export class LayerLog {
  readonly #attributes: DirectoryAttributes;
  readonly #entries: ByteLog;
  readonly #whiteouts: ByteLog;
  readonly #opaques: ByteLog;
  #last: Uint8Array = new Uint8Array(0);
  #lastOrdinal = 0;
  #count = 0;
  #hardLinks = 0;

  constructor(memory: PagedMemory, attributes: DirectoryAttributes) {
    this.#attributes = attributes;
    this.#entries = new ByteLog(memory);
    this.#whiteouts = new ByteLog(memory);
    this.#opaques = new ByteLog(memory);
  }

  /** Entries of any kind. */
  get count(): number {
    return this.#count;
  }

  get hasHardLinks(): boolean {
    return this.#hardLinks > 0;
  }

  /** @throws {OciError} `INVALID_ARCHIVE`, `LIMIT_EXCEEDED` */
  add(header: TarHeader): void {
    const path = cleanName(header.name);
    const ordinal = this.#count++;
    const mark = markOf(path);
    if (mark?.kind === 'whiteout') this.#whiteouts.text(encodeText(mark.path));
    else if (mark?.kind === 'opaque') this.#opaques.text(encodeText(mark.path));
    else this.#addEntry(header, encodeText(path), ordinal, mark !== undefined);
  }

  *entries(): Generator<LoggedEntry, void> {
    const reader = new ByteLogReader(this.#entries);
    const end = this.#entries.length;
    let path = new Uint8Array(1024);
    let ordinal = 0;
    while (reader.at < end) {
      const tag = reader.number();
      const kind = kinds[tag % kinds.length] as EntryKind;
      ordinal += reader.number();
      const shared = reader.number();
      const rest = reader.number();
      const length = shared + rest;
      if (length > path.length) path = enlarged(path, 2 * length);
      reader.textInto(path, rest, shared);
      const target = kind === 'symlink' || kind === 'hardlink' ? reader.text() : none;
      const attributes = kind === 'directory' ? reader.number() : 0;
      yield {
        kind,
        isPrivate: tag >= kinds.length,
        ordinal,
        path: path.subarray(0, length),
        shared,
        target,
        attributes,
      };
    }
  }

  whiteouts(): Generator<Uint8Array, void> {
    return texts(this.#whiteouts);
  }

  opaques(): Generator<Uint8Array, void> {
    return texts(this.#opaques);
  }

  /** Gives its room back; nothing is in it any more. */
  clear(): void {
    for (const log of [this.#entries, this.#whiteouts, this.#opaques]) log.clear();
  }

  #addEntry(header: TarHeader, path: Uint8Array, ordinal: number, isPrivate: boolean): void {
    const kind = kindOf(header);
    let shared = 0;
    const most = Math.min(path.length, this.#last.length);
    while (shared < most && path[shared] === this.#last[shared]) shared++;
    this.#entries.number(kinds.indexOf(kind) + (isPrivate ? kinds.length : 0));
    this.#entries.number(ordinal - this.#lastOrdinal);
    this.#entries.number(shared);
    this.#entries.text(path, shared);
    this.#last = path;
    this.#lastOrdinal = ordinal;
    if (kind === 'symlink') this.#entries.text(encodeText(header.linkname));
    else if (kind === 'hardlink') {
      this.#hardLinks++;
      this.#entries.text(encodeText(cleanName(header.linkname)));
    } else if (kind === 'directory') this.#entries.number(this.#attributes.add(header));
  }
}

/** {@link cleanPath}, at no cost for the names that are clean. */
export function cleanName(name: string): string {
  return unclean.test(name) ? cleanPath(name) : name;
}

// An empty part, `.` or `..`.
const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

const kinds: readonly EntryKind[] = ['directory', 'symlink', 'hardlink', 'other'];
const none = new Uint8Array(0);

function kindOf({ type }: TarHeader): EntryKind {
  if (type === 'directory' || type === 'symlink' || type === 'hardlink') return type;
  return 'other';
}

function* texts(log: ByteLog): Generator<Uint8Array, void> {
  const reader = new ByteLogReader(log);
  while (reader.at < log.length) yield reader.text();
}

function enlarged(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}
