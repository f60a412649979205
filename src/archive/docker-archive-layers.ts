import { type ByteStream, collect, pipe } from '../content/bytes.ts';
import { type CompressionKind, compressionOf, magicSize } from '../content/compression.ts';
import { gzipping } from '../content/gzip.ts';
import { Digester } from '../content/hash.ts';
import { type Spool, spool } from '../content/spool.ts';
import type { TarIndexEntry } from '../content/tar/tar-index.ts';
import { checkDigest, type Expected, VerifiedStream } from '../content/verify.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { ArchiveFile, KeptEntry } from './tar-file.ts';

/** A layer as it will be pushed, and how to read it. */
export interface ArchiveLayer {
  readonly target: Descriptor;
  open(options: CallOptions): Promise<ByteStream>;
}

/** The layers in an archive, each read once however many images share it. */
export class ArchiveLayers implements AsyncDisposable {
  readonly #file: ArchiveFile;
  readonly #spoolDirectory: string | undefined;
  /** By where they are in the file, since several names can be of one layer, and by the diff ID they were checked against. */
  readonly #known = new Map<string, ArchiveLayer>();
  readonly #spools: Spool[] = [];

  constructor(file: ArchiveFile, spoolDirectory: string | undefined) {
    this.#file = file;
    this.#spoolDirectory = spoolDirectory;
  }

  /**
   * What a file is as a layer. Compressed ones are hashed; others are gzipped into a temporary file, since registries want
   * them so, and checked against `diffId` on the way.
   *
   * @returns `undefined` for a file that would have to be checked and cannot be without a `diffId`
   */
  async describe(
    entry: TarIndexEntry,
    diffId: Digest | undefined,
    options: CallOptions,
  ): Promise<ArchiveLayer | undefined> {
    const key = `${entry.start} ${diffId}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const kept = this.#file.kept?.(entry);
    if (kept?.plain !== undefined) return this.#take(entry, diffId, kept, kept.plain);
    const start = await collect(await this.#file.open(entry, options, 0, magicSize), magicSize);
    const compression = compressionOf(start);
    const isPlain = compression === 'none';
    if (isPlain && diffId === undefined) return undefined;
    const layer = isPlain
      ? await this.#compress(entry, diffId as Digest, options)
      : await this.#hash(entry, layerTypes[compression], options);
    this.#known.set(key, layer);
    return layer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#spools.map((kept) => kept[Symbol.asyncDispose]()));
  }

  /** One that was compressed when the archive came. */
  #take(entry: TarIndexEntry, diffId: Digest | undefined, kept: KeptEntry, plain: Expected): ArchiveLayer | undefined {
    if (diffId === undefined) return undefined;
    try {
      checkDigest(plain.digest, diffId);
    } catch (cause) {
      throw this.#wrongLayer(entry, cause);
    }
    const { digest, size } = kept;
    const target = { mediaType: mediaTypes.dockerLayerGzip, digest, size };
    return { target, open: (options) => kept.open(options) };
  }

  async #hash(entry: TarIndexEntry, mediaType: string, options: CallOptions): Promise<ArchiveLayer> {
    const kept = this.#file.kept?.(entry);
    if (kept !== undefined) {
      return { target: { mediaType, digest: kept.digest, size: kept.size }, open: (open) => kept.open(open) };
    }
    const digester = new Digester();
    for await (const chunk of await this.#file.open(entry, options)) digester.update(chunk);
    const target = { mediaType, digest: digester.finish(), size: entry.size };
    return { target, open: (openOptions) => this.#file.open(entry, openOptions) };
  }

  async #compress(entry: TarIndexEntry, diffId: Digest, { signal }: CallOptions): Promise<ArchiveLayer> {
    const content = VerifiedStream.of(await this.#file.open(entry, { signal }), { digest: diffId, size: entry.size });
    try {
      const kept = await spool(pipe(content, gzipping()), { directory: this.#spoolDirectory, signal });
      this.#spools.push(kept);
      const target = { mediaType: mediaTypes.dockerLayerGzip, digest: kept.digest, size: kept.size };
      return { target, open: async (open) => VerifiedStream.proven(await kept.open(open), target) };
    } catch (cause) {
      throw this.#wrongLayer(entry, cause);
    }
  }

  #wrongLayer({ header }: TarIndexEntry, cause: unknown): unknown {
    if (!isOciError(cause, 'DIGEST_MISMATCH')) return cause;
    const name = `${quoted(header.name)} in ${quoted(this.#file.name)}`;
    return new OciError('DIGEST_MISMATCH', `The layer ${name} is not the one that the config lists: ${cause.message}`, {
      cause,
      hint: 'The archive is damaged; save or fetch it again',
    });
  }
}

const layerTypes: Readonly<Record<Exclude<CompressionKind, 'none'>, string>> = {
  gzip: mediaTypes.dockerLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};
