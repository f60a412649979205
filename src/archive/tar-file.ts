import { stat } from 'node:fs/promises';
import { type ByteSource, type ByteStream, collect } from '../content/bytes.ts';
import { compressionOf, decompress, magicSize } from '../content/compression.ts';
import { readFileStream } from '../content/file.ts';
import { type Spool, spool } from '../content/spool.ts';
import { indexTar, type TarIndex, type TarIndexEntry } from '../content/tar/tar-index.ts';
import type { Expected } from '../content/verify.ts';
import { isOciError, lowerFirst, OciError, quoted } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';

export interface OpenTarOptions extends CallOptions {
  /** Where a compressed archive is unpacked to be read. @default the system's directory for temporary files */
  readonly spoolDirectory?: string | undefined;
  /** Most bytes a compressed archive may unpack to. @default 128 GiB */
  readonly maxUnpackedSize?: number | undefined;
  /** What messages call the archive. @default the path; of a stream "the archive" */
  readonly name?: string | undefined;
}

/** The files of a tar archive, for reading in any order. */
export interface ArchiveFile extends AsyncDisposable {
  /** As the user named it, for messages. */
  readonly name: string;
  readonly index: TarIndex;
  /**
   * The file of that name, links inside the archive followed.
   *
   * @throws {OciError} `INVALID_ARCHIVE` when a link leads nowhere, in circles or out
   */
  find(name: string): TarIndexEntry | undefined;
  /** Part of an entry's body, which is `end` exclusive; the whole of it by default. */
  open(entry: TarIndexEntry, options?: CallOptions, start?: number, end?: number): Promise<ByteStream>;
  /**
   * A small file of the archive, `undefined` when it has none of that name.
   *
   * @throws {OciError} `LIMIT_EXCEEDED`
   */
  read(name: string, limit: number, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** What is known of an entry that was read already. */
  kept?(entry: TarIndexEntry): KeptEntry | undefined;
}

/** An entry that was hashed, and perhaps compressed, when the archive came. */
export interface KeptEntry {
  readonly digest: Digest;
  readonly size: number;
  /** What it was before it was compressed with gzip; `undefined` for what is kept as it was. */
  readonly plain: Expected | undefined;
  open(options: CallOptions): Promise<ByteStream>;
}

/** A tar archive in a file, open for reading its entries in any order; a compressed one is unpacked first. */
export class TarFile implements ArchiveFile {
  readonly name: string;
  readonly index: TarIndex;
  readonly #path: string;
  readonly #spool: Spool | undefined;

  constructor(name: string, index: TarIndex, path: string, unpacked: Spool | undefined) {
    this.name = name;
    this.index = index;
    this.#path = path;
    this.#spool = unpacked;
  }

  find(name: string): TarIndexEntry | undefined {
    return findIn(this, name);
  }

  async open(
    entry: TarIndexEntry,
    options: CallOptions = {},
    start = 0,
    end: number = entry.size,
  ): Promise<ByteStream> {
    const from = entry.start + Math.min(start, entry.size);
    return readFileStream(this.#path, { start: from, end: entry.start + Math.min(end, entry.size), ...options });
  }

  read(name: string, limit: number, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    return readFrom(this, name, limit, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool?.[Symbol.asyncDispose]();
  }
}

/** {@link ArchiveFile.find}. */
export function findIn({ index, name: archive }: ArchiveFile, name: string): TarIndexEntry | undefined {
  try {
    return index.resolve(name);
  } catch (cause) {
    throw inArchive(archive, cause);
  }
}

/** {@link ArchiveFile.read}. */
export async function readFrom(
  archive: ArchiveFile,
  name: string,
  limit: number,
  options: CallOptions,
): Promise<Uint8Array | undefined> {
  const entry = archive.find(name);
  if (entry === undefined) return undefined;
  const what = `${name} in ${quoted(archive.name)}`;
  if (entry.size > limit) throw new OciError('LIMIT_EXCEEDED', `${what} is larger than the limit of ${limit} bytes`);
  return collect(await archive.open(entry, options), limit, what);
}

/**
 * Opens a tar archive, compressed with gzip, zstd or not at all. What comes as a stream is read once, to its end, and kept in
 * a temporary file until the archive is disposed of.
 *
 * @param input a path, or the bytes of the archive
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE`, and what reading the bytes throws
 */
export async function openTarFile(input: string | ByteSource, options: OpenTarOptions = {}): Promise<TarFile> {
  const { name = typeof input === 'string' ? input : 'the archive', signal } = options;
  try {
    if (typeof input !== 'string') return await unpack(input, name, options);
    if (await canReadInPlace(input, signal))
      return new TarFile(name, await indexTar(input, { signal }), input, undefined);
    return await unpack(await readFileStream(input, { signal }), name, options);
  } catch (cause) {
    throw inArchive(name, cause);
  }
}

async function unpack(source: ByteSource, name: string, options: OpenTarOptions): Promise<TarFile> {
  const { spoolDirectory, maxUnpackedSize = 2 ** 37, signal } = options;
  const { stream } = await decompress(source, { limit: maxUnpackedSize });
  const unpacked = await spool(stream, { directory: spoolDirectory, signal });
  try {
    return new TarFile(name, await indexTar(unpacked.path, { signal }), unpacked.path, unpacked);
  } catch (error) {
    await unpacked[Symbol.asyncDispose]();
    throw error;
  }
}

/** Says of which archive the failure speaks. */
export function inArchive(name: string, cause: unknown): unknown {
  if (!isOciError(cause, 'INVALID_ARCHIVE')) return cause;
  return new OciError('INVALID_ARCHIVE', `${quoted(name)}: ${lowerFirst(cause.message)}`, { cause, hint: cause.hint });
}

/** Entries can be sought in a regular file that is not compressed; pipes and compressed ones have to be unpacked. */
async function canReadInPlace(path: string, signal: AbortSignal | undefined): Promise<boolean> {
  const start = await readStart(path, signal);
  return start !== undefined && compressionOf(start) === 'none';
}

async function readStart(path: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  // A pipe can be read only once; a missing file gets its error from the reader.
  const isPipe = await stat(path).then(
    (stats) => !stats.isFile() && !stats.isDirectory(),
    () => false,
  );
  if (isPipe) return undefined;
  return collect(await readFileStream(path, { end: magicSize, signal }), magicSize);
}
