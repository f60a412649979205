import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { platform } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { TarReader } from '../../content/tar/reader.ts';
import { decodeText } from '../../content/tar/text.ts';
import { isOciError, OciError } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import type { FoundFile, Origin } from './file-walk.ts';

/** Which extended attributes come along: those that let programs do what only root may, or those as well that users set. */
export type AttributeChoice = 'capabilities' | 'all';

/** PAX records of a file, by key. */
export type AttributeRecords = ReadonlyMap<string, string>;

/** How many files are asked about at once. */
const batchSize = 128;
const prefix = 'SCHILY.xattr.';
const patterns = { capabilities: ['security.capability'], all: ['security.capability', 'user.*'] } as const;

/**
 * Files with their extended attributes, as records of a PAX header. Node cannot read them; GNU tar can, and is asked. It reads the
 * files, too, whose contents are dropped: capabilities are therefore looked for at files only that somebody may execute.
 *
 * @param onMissing called once when there is no GNU tar and files may have capabilities, which they lose
 * @throws {OciError} `UNSUPPORTED` where all are wanted and there is no GNU tar
 */
export async function* withAttributes(
  files: AsyncIterable<FoundFile>,
  choice: AttributeChoice,
  onMissing: () => void,
  options: CallOptions,
): AsyncGenerator<readonly [FoundFile, AttributeRecords | undefined], void> {
  const source = new AttributeSource(choice, onMissing, options);
  let batch: FoundFile[] = [];
  for await (const file of files) {
    batch.push(file);
    if (batch.length < batchSize) continue;
    yield* await source.describe(batch);
    batch = [];
  }
  yield* await source.describe(batch);
}

class AttributeSource {
  readonly #choice: AttributeChoice;
  readonly #onMissing: () => void;
  readonly #options: CallOptions;
  /** Elsewhere there are no capabilities. */
  #usable = platform() === 'linux';

  constructor(choice: AttributeChoice, onMissing: () => void, options: CallOptions) {
    if (!this.#usable && choice === 'all') throw unsupported();
    this.#choice = choice;
    this.#onMissing = onMissing;
    this.#options = options;
  }

  async describe(
    files: readonly FoundFile[],
  ): Promise<readonly (readonly [FoundFile, AttributeRecords | undefined])[]> {
    const found = await this.#attributesOf(files.flatMap(({ origin }) => origin ?? []));
    return files.map((file) => [file, file.origin && found.get(file.origin.path)]);
  }

  async #attributesOf(all: readonly Origin[]): Promise<ReadonlyMap<Buffer, AttributeRecords>> {
    const asked = this.#usable ? all.filter((origin) => mayHave(origin, this.#choice)) : [];
    if (asked.length === 0) return noAttributes;
    const found = await attributesOf(asked, this.#choice, this.#options);
    if (found !== undefined) return found;
    if (this.#choice === 'all') throw unsupported();
    this.#usable = false;
    this.#onMissing();
    return noAttributes;
  }
}

const noAttributes: ReadonlyMap<Buffer, AttributeRecords> = new Map();

function mayHave({ stats }: Origin, choice: AttributeChoice): boolean {
  if (choice === 'all') return stats.isFile() || stats.isDirectory();
  return stats.isFile() && (stats.mode & 0o111n) !== 0n;
}

/** By the paths of what was asked for; `undefined` when no GNU tar is there. */
async function attributesOf(
  asked: readonly Origin[],
  choice: AttributeChoice,
  { signal }: CallOptions,
): Promise<ReadonlyMap<Buffer, AttributeRecords> | undefined> {
  signal?.throwIfAborted();
  const paths = asked.map(({ path, follow }) => (follow ? followed(path) : path));
  const child = startTar(choice);
  const ended = once(child, 'close').then(
    ([code]) => code as number | null,
    () => undefined,
  );
  try {
    child.stdin.on('error', () => {});
    child.stdin.end(Buffer.concat(paths.flatMap((path) => [path, nul])));
    const byName = await recordsIn(child.stdout, signal);
    const code = await ended;
    // Other codes than 0 stand for files that changed or cannot be read, too: that is told where their content is read.
    if (code !== 0 && byName.size === 0) return undefined;
    return new Map(asked.map(({ path }, i) => [path, byName.get(decodeText(paths[i] ?? path)) ?? noRecords]));
  } catch (error) {
    signal?.throwIfAborted();
    if (isOciError(error, 'INVALID_ARCHIVE')) return undefined;
    throw error;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

const nul = Buffer.from([0]);
const noRecords: AttributeRecords = new Map();

/** The caller named a link, and means what it leads to. */
function followed(path: Buffer): Buffer {
  try {
    return realpathSync.native(path, { encoding: 'buffer' });
  } catch {
    return path;
  }
}

function startTar(choice: AttributeChoice): ChildProcessByStdio<Writable, Readable, null> {
  const include = patterns[choice].map((pattern) => `--xattrs-include=${pattern}`);
  const names = ['--null', '--verbatim-files-from', '--files-from=-', '--no-recursion', '--absolute-names'];
  const args = ['--create', '--file=-', '--format=posix', '--xattrs', ...include, '--hard-dereference', ...names];
  return spawn('tar', args, { stdio: ['pipe', 'pipe', 'ignore'] });
}

/** The records of every entry, which may be none, by name. */
async function recordsIn(
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, AttributeRecords>> {
  const found = new Map<string, AttributeRecords>();
  for await (const { header } of new TarReader(archive, { signal })) {
    const records = Array.from(header.pax).filter(([key]) => key.startsWith(prefix));
    found.set(header.name.replace(/(?<=[^/])\/+$/, ''), new Map(records));
  }
  return found;
}

function unsupported(): OciError {
  return new OciError('UNSUPPORTED', 'Extended attributes are read by GNU tar on Linux, which is not there', {
    hint: 'Install GNU tar; or add an archive made where it is: tar --xattrs --xattrs-include=* -c DIR',
  });
}
