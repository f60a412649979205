import { type BigIntStats, lstatSync } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { type IgnoreRules, ignoreRules } from '../../content/ignore-rules.ts';
import { decodeText, encodeText } from '../../content/tar/text.ts';
import { isOciError, OciError, quoted } from '../../errors.ts';
import type { DiskPace } from './disk-pace.ts';
import { destinationOf, type FileMapping } from './file-mapping.ts';

/** A file, directory or link that was found, and its place. */
export interface FoundFile {
  /** In the archive: relative, without a final slash, as `decodeText` gives names that are no text. */
  readonly name: string;
  /** Absent for a directory that only leads to a destination. */
  readonly origin: Origin | undefined;
}

/** What lies on the disk. */
export interface Origin {
  readonly path: Buffer;
  readonly stats: BigIntStats;
  /** Whether the path itself may be a symbolic link: what the caller named. */
  readonly follow: boolean;
}

/** Something on the disk that goes to a place, as seen from the mapping that brought it. */
interface Candidate extends Origin {
  /** From the mapping's directory; empty for itself. */
  readonly relative: string;
  readonly ignored: boolean;
  /** Of the mapping. */
  readonly rules: IgnoreRules;
}

/** A place that mappings name, or that leads to one. */
interface Place {
  readonly children: Map<string, Place>;
  readonly candidates: Candidate[];
}

/** Names whose state is asked for at once. */
const batchSize = 32;

/**
 * All that goes into a layer: directories before what they hold, siblings by the bytes of their names. Directories that come to
 * the same place are merged; of files the last mapping's counts. Memory grows with the largest directory, not with the tree.
 *
 * @throws {OciError} `NOT_FOUND`, `FILE_SYSTEM` naming the file; `CONFLICT` when a file stands where a directory has to be
 */
export async function* walkFiles(
  mappings: readonly FileMapping[],
  rules: IgnoreRules,
  pace: DiskPace,
): AsyncGenerator<FoundFile, void> {
  const root: Place = { children: new Map(), candidates: [] };
  for (const mapping of mappings) await place(root, mapping, rules);
  yield* walk({ name: '', place: root, candidates: [], pace, waiting: [] });
}

async function place(root: Place, { source, destination, ignore }: FileMapping, general: IgnoreRules): Promise<void> {
  const rules = ignore === undefined ? general : ignoreRules(ignore);
  const path = Buffer.from(source);
  const { parts, isFolder } = destinationOf(destination);
  const stats = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw missingOr(error, path, 'NOT_FOUND');
  });
  const own = decodeText(Buffer.from(basename(path.toString('latin1')), 'latin1'));
  let at = root;
  for (const part of !stats.isDirectory() && isFolder ? [...parts, own] : parts) {
    const next = at.children.get(part) ?? { children: new Map(), candidates: [] };
    at.children.set(part, next);
    at = next;
  }
  at.candidates.push({ path, stats, follow: true, relative: '', ignored: false, rules });
}

interface Visit {
  readonly name: string;
  readonly place: Place | undefined;
  /** What the directories above bring; the place's own come after. */
  readonly candidates: readonly Candidate[];
  readonly pace: DiskPace;
  /** Directories above that are left out unless something below them is not. */
  readonly waiting: FoundFile[];
}

async function* walk(visit: Visit): AsyncGenerator<FoundFile, void> {
  const { name, pace, waiting } = visit;
  const candidates = [...visit.candidates, ...(visit.place?.candidates ?? [])];
  const origin = candidates.at(-1);
  const found: FoundFile = { name, origin };
  if (origin !== undefined && !origin.stats.isDirectory()) {
    if ((visit.place?.children.size ?? 0) > 0) throw blocked(name);
    yield* waiting.splice(0);
    yield found;
    return;
  }
  const merged = candidates.slice(candidates.findLastIndex(({ stats }) => !stats.isDirectory()) + 1);
  const wanted = visit.place !== undefined || merged.some(({ ignored }) => !ignored);
  if (!wanted) waiting.push(found);
  else if (name !== '') {
    yield* waiting.splice(0);
    yield found;
  }
  const names = await namesIn(merged, visit.place);
  for (let at = 0; at < names.length; at += batchSize) {
    const batch = names.slice(at, at + batchSize);
    // One after the other where that is quick, else all at once.
    const states = batch.map((one) => candidatesFor(one, merged, pace));
    for (const state of states) if (state instanceof Promise) state.catch(() => {});
    for (const [i, { bytes }] of batch.entries()) {
      const text = textOf(bytes);
      const below = visit.place?.children.get(text);
      const state = states[i] ?? [];
      const brought = state instanceof Promise ? await state : state;
      if (below === undefined && brought.length === 0) continue;
      const visited = {
        name: name === '' ? text : `${name}/${text}`,
        place: below,
        candidates: brought,
        pace,
        waiting,
      };
      const leaf = leafOf(visited);
      if (leaf === undefined) yield* walk(visited);
      else {
        yield* waiting.splice(0);
        yield leaf;
      }
    }
  }
  if (waiting.at(-1) === found) waiting.pop();
}

/** What is no directory, and so needs no walk of its own. */
function leafOf({ name, place: here, candidates }: Visit): FoundFile | undefined {
  const origin = candidates.at(-1);
  return here === undefined && origin !== undefined && !origin.stats.isDirectory() ? { name, origin } : undefined;
}

interface Name {
  /** A character for each byte: a tenth of the memory that buffers take, of which large directories need many. */
  readonly bytes: string;
  /** Positions of the directories that have it. */
  readonly in: number[];
}

async function namesIn(directories: readonly Candidate[], here: Place | undefined): Promise<readonly Name[]> {
  const names = new Map<string, Name>();
  for (const [position, { path }] of directories.entries()) {
    const listed = await readdir(path, { encoding: 'latin1' }).catch((error: unknown) => {
      throw missingOr(error, path, 'FILE_SYSTEM');
    });
    for (const bytes of listed) {
      const known = names.get(bytes);
      if (known === undefined) names.set(bytes, { bytes, in: [position] });
      else known.in.push(position);
    }
  }
  for (const text of here?.children.keys() ?? []) {
    const bytes = Buffer.from(encodeText(text)).toString('latin1');
    if (!names.has(bytes)) names.set(bytes, { bytes, in: [] });
  }
  return Array.from(names.values()).sort((a, b) => (a.bytes < b.bytes ? -1 : 1));
}

function textOf(bytes: string): string {
  return decodeText(Buffer.from(bytes, 'latin1'));
}

function candidatesFor(
  { bytes, in: positions }: Name,
  directories: readonly Candidate[],
  pace: DiskPace,
): readonly Candidate[] | Promise<readonly Candidate[]> {
  const found = positions.map((position) => candidateIn(directories[position] as Candidate, bytes, pace));
  return found.some((one) => one instanceof Promise)
    ? presentLater(found)
    : (found as readonly (Candidate | undefined)[]).filter(isPresent);
}

async function presentLater(
  found: readonly (Candidate | undefined | Promise<Candidate | undefined>)[],
): Promise<readonly Candidate[]> {
  const all = await Promise.all(found.map(async (one) => one));
  return all.filter(isPresent);
}

function isPresent(candidate: Candidate | undefined): candidate is Candidate {
  return candidate !== undefined;
}

function candidateIn(
  directory: Candidate,
  bytes: string,
  pace: DiskPace,
): Candidate | undefined | Promise<Candidate | undefined> {
  const { rules } = directory;
  const text = textOf(bytes);
  const relative = directory.relative === '' ? text : `${directory.relative}/${text}`;
  const ignored = rules.ignores(relative);
  if (ignored && !rules.mayTakeBelow(relative)) return undefined;
  const path = Buffer.concat([directory.path, slash, Buffer.from(bytes, 'latin1')]);
  const candidate = (stats: BigIntStats): Candidate | undefined =>
    ignored && !stats.isDirectory() ? undefined : { path, stats, follow: false, relative, ignored, rules };
  const stats = pace.here(() => stateOf(path));
  return stats === undefined ? laterStateOf(path).then(candidate) : candidate(stats);
}

function stateOf(path: Buffer): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw missingOr(error, path, 'FILE_SYSTEM');
  }
}

async function laterStateOf(path: Buffer): Promise<BigIntStats> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    throw missingOr(error, path, 'FILE_SYSTEM');
  }
}

const slash = Buffer.from('/');

/** The failure to look at a file, which may have gone meanwhile. */
export function missingOr(error: unknown, path: Buffer, code: 'NOT_FOUND' | 'FILE_SYSTEM'): unknown {
  const name = decodeText(path);
  const gone = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
  if (gone && code === 'NOT_FOUND') {
    return new OciError(code, `There is no file or directory ${quoted(name)}`, { cause: error });
  }
  return gone && !isOciError(error) ? changed(path, 'vanished', error) : fileFault(error, 'read', name);
}

/** A file is not what it was a moment ago. */
export function changed(path: Buffer, how: 'vanished' | 'changed', cause?: unknown): OciError {
  return new OciError('FILE_SYSTEM', `${quoted(decodeText(path))} ${how} while the layer was made from it`, {
    cause,
    hint: 'Make the layer again when nothing else writes there, or leave the file out',
  });
}

function blocked(name: string): OciError {
  return new OciError('CONFLICT', `${quoted(`/${name}`)} is a file, and something else should go below it`, {
    hint: 'Choose other destinations',
  });
}
