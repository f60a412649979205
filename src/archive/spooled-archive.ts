import { after, type ByteSource, type ByteStream, collect, discard, pipe, streamOf, upTo } from '../content/bytes.ts';
import { detectCompression } from '../content/compression.ts';
import { gunzipping, gzipping } from '../content/gzip.ts';
import { Digester } from '../content/hash.ts';
import { type Spool, spool } from '../content/spool.ts';
import { type TarEntry, TarReader } from '../content/tar/reader.ts';
import { TarIndex, type TarIndexEntry } from '../content/tar/tar-index.ts';
import { type Expected, VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { type ArchiveFile, findIn, inArchive, type KeptEntry, readFrom } from './tar-file.ts';

export interface SpoolArchiveOptions extends CallOptions {
  /** What messages call the archive. */
  readonly name: string;
  /** Where larger files are kept. @default the system's directory for temporary files */
  readonly spoolDirectory?: string | undefined;
  /** Keep what is not compressed with gzip, as registries want layers. @default false */
  readonly compress?: boolean | undefined;
}

/** Files up to here stay in memory, as long as all of them together are not more than the second. */
const smallFile = 256 * 1024;
const maxInMemory = 32 * 1024 * 1024;

/** An archive of images has a few files for each layer. */
const maxEntries = 100_000;
const maxNames = 16 * 1024 * 1024;

/**
 * Reads an archive that comes as a stream, once, and keeps its files for reading in any order: small ones in memory, others
 * in temporary files, those already compressed that are to be. So an image of an engine needs room for its compressed
 * layers only, and is compressed while it comes. Whoever calls it disposes of the result.
 *
 * @throws {OciError} `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`, and what reading the source throws
 */
export async function spoolArchive(source: ByteSource, options: SpoolArchiveOptions): Promise<SpooledArchive> {
  const reading = new Reading(options);
  try {
    for await (const entry of new TarReader(source, { signal: options.signal })) await reading.add(entry);
    return reading.done();
  } catch (error) {
    await reading[Symbol.asyncDispose]();
    await discard(source).catch(() => {});
    throw inArchive(options.name, error);
  }
}

/** How a file of the archive is kept. */
type Content =
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly spool: Spool }
  | { readonly kind: 'gzip'; readonly spool: Spool; readonly plain: Expected };

class Reading implements AsyncDisposable {
  readonly #options: SpoolArchiveOptions;
  readonly #entries: TarIndexEntry[] = [];
  readonly #contents = new Map<TarIndexEntry, Content>();
  #inMemory = 0;
  #names = 0;

  constructor(options: SpoolArchiveOptions) {
    this.#options = options;
  }

  async add({ header, offset, body }: TarEntry): Promise<void> {
    const { name, type, linkname, size } = header;
    this.#names += name.length + linkname.length;
    if (this.#entries.length === maxEntries || this.#names > maxNames) {
      throw new OciError(
        'LIMIT_EXCEEDED',
        `The archive ${quoted(this.#options.name)} has more than ${maxEntries} files`,
      );
    }
    const entry = { header: { name, type, linkname }, start: offset, size };
    this.#entries.push(entry);
    if (type === 'file') this.#contents.set(entry, await this.#keep(body, size));
  }

  done(): SpooledArchive {
    return new SpooledArchive(this.#options.name, new TarIndex(this.#entries), this.#contents);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeOf(this.#contents.values());
  }

  async #keep(body: ByteStream, size: number): Promise<Content> {
    if (size <= smallFile && this.#inMemory + size <= maxInMemory) {
      this.#inMemory += size;
      // A copy, since a chunk is a view of what may be much larger.
      return { kind: 'memory', bytes: Uint8Array.from(await collect(body, size)) };
    }
    const { signal, spoolDirectory: directory, compress = false } = this.#options;
    const { compression, stream } = await detectCompression(body);
    if (!compress || compression !== 'none') return { kind: 'file', spool: await spool(stream, { directory, signal }) };
    const digester = new Digester();
    const packed = pipe(pipe(stream, hashing(digester)), gzipping());
    const kept = await spool(packed, { directory, signal });
    return { kind: 'gzip', spool: kept, plain: { digest: digester.finish(), size } };
  }
}

/** The files of an archive that is gone. */
export class SpooledArchive implements ArchiveFile {
  readonly name: string;
  readonly index: TarIndex;
  readonly #contents: ReadonlyMap<TarIndexEntry, Content>;

  constructor(name: string, index: TarIndex, contents: ReadonlyMap<TarIndexEntry, Content>) {
    this.name = name;
    this.index = index;
    this.#contents = contents;
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
    const { signal } = options;
    signal?.throwIfAborted();
    const content = this.#contents.get(entry);
    if (content === undefined || content.kind === 'memory') {
      return streamOf(content === undefined ? [] : [content.bytes.subarray(start, end)]);
    }
    if (content.kind === 'file') return upTo(await content.spool.open({ start, signal }), Math.max(end - start, 0));
    const plain = pipe(await content.spool.open({ signal }), gunzipping({ limit: entry.size }));
    return upTo(start === 0 ? plain : pipe(plain, (chunks) => after(chunks, start)), Math.max(end - start, 0));
  }

  read(name: string, limit: number, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    return readFrom(this, name, limit, options);
  }

  kept(entry: TarIndexEntry): KeptEntry | undefined {
    const content = this.#contents.get(entry);
    if (content === undefined || content.kind === 'memory') return undefined;
    const { spool: file } = content;
    const { digest, size } = file;
    const plain = content.kind === 'gzip' ? content.plain : undefined;
    // The file is our own, and nobody else may read or write it.
    const open = async (options: CallOptions): Promise<ByteStream> =>
      VerifiedStream.proven(await file.open(options), { digest, size });
    return { digest, size, plain, open };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeOf(this.#contents.values());
  }
}

function hashing(digester: Digester): (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array, void> {
  return async function* hash(source) {
    for await (const chunk of source) {
      digester.update(chunk);
      yield chunk;
    }
  };
}

async function disposeOf(contents: Iterable<Content>): Promise<void> {
  const spools = Array.from(contents, (content) => (content.kind === 'memory' ? [] : [content.spool])).flat();
  await Promise.all(spools.map((kept) => kept[Symbol.asyncDispose]()));
}
