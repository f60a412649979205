import { type CompressionKind, decompressor, detectCompression } from '../../content/compression.ts';
import { Digester } from '../../content/hash.ts';
import { TarReader } from '../../content/tar/reader.ts';
import type { VerifiedStream } from '../../content/verify.ts';
import { isOciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../../oci/digest.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import { type Finding, findingOf } from './findings.ts';
import { type PathBudget, PathSet, plainPath } from './path-set.ts';

export interface LayerCheckOptions extends CallOptions {
  readonly algorithm: DigestAlgorithm;
  readonly budget: PathBudget;
  /** Most bytes without compression. */
  readonly limit: number;
}

export interface CheckedLayer {
  readonly findings: readonly Finding[];
  /** Absent where the layer cannot be decompressed to its end. */
  readonly diffId?: Digest | undefined;
}

/** Of doubled paths so many are told for each layer. */
const maxToldPaths = 10;

/**
 * Reads a layer once, and checks size, digest, that it is compressed as its type says, and that it is a tar archive without
 * doubled paths. Wrong bytes are told as such, and not what follows from them.
 *
 * @throws what keeps the layer from being read
 */
export async function checkLayer(
  content: VerifiedStream,
  layer: Descriptor,
  options: LayerCheckOptions,
): Promise<CheckedLayer> {
  const chunks = content[Symbol.asyncIterator]();
  // Who stops reading because of what it read must not close what has to be read to its end.
  const unclosed = { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
  try {
    const checked = await checkContent(unclosed, layer, options, () => content.failed);
    while ((await chunks.next()).done !== true);
    return checked;
  } catch (error) {
    if (!content.failed || !isOciError(error)) throw error;
    if (error.code !== 'DIGEST_MISMATCH' && error.code !== 'SIZE_MISMATCH') throw error;
    return { findings: [findingOf(error, layer.digest)] };
  } finally {
    await content.cancel();
  }
}

async function checkContent(
  chunks: AsyncIterable<Uint8Array>,
  layer: Descriptor,
  options: LayerCheckOptions,
  hasFailed: () => boolean,
): Promise<CheckedLayer> {
  const { compression, stream } = await detectCompression(chunks);
  const stated = statedCompression(layer.mediaType);
  const mistyped = compression === stated ? [] : [wrongCompression(layer, stated, compression)];
  const { limit } = options;
  const tar = new Hashing(
    compression === 'none' ? stream : decompressor(compression, { limit })(stream),
    options.algorithm,
  );
  try {
    const findings = await checkArchive(tar, layer, options, hasFailed);
    // What is not what it is said to be is hardly a broken one of something else.
    if (mistyped.length > 0 && findings.length > 0) return { findings: mistyped };
    return { findings: [...mistyped, ...findings], diffId: await tar.finish() };
  } catch (error) {
    if (hasFailed() || !isOciError(error)) throw error;
    return { findings: [...mistyped, findingOf(error, layer.digest)] };
  } finally {
    await tar.close();
  }
}

/** Bytes that are hashed as they pass, and whose reader may stop without closing them. */
class Hashing implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #digester: Digester;
  #failed = false;

  constructor(source: AsyncIterable<Uint8Array>, algorithm: DigestAlgorithm) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#digester = new Digester(algorithm);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  /** Reads what is left. `undefined` when reading has failed before, which was told where it did. */
  async finish(): Promise<Digest | undefined> {
    if (this.#failed) return undefined;
    while ((await this.#next()).done !== true);
    return this.#digester.finish();
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      const result = await this.#chunks.next();
      if (result.done !== true) this.#digester.update(result.value);
      return result;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }
}

async function checkArchive(
  tar: AsyncIterable<Uint8Array>,
  { digest }: Descriptor,
  { budget, signal }: LayerCheckOptions,
  hasFailed: () => boolean,
): Promise<readonly Finding[]> {
  const paths = new PathSet(budget);
  const findings: Finding[] = [];
  let doubled = 0;
  try {
    for await (const { header } of new TarReader(tar, { signal })) {
      const path = plainPath(header.name);
      if (paths.add(path) || ++doubled > maxToldPaths) continue;
      findings.push({ code: 'INVALID_ARCHIVE', message: `duplicate file path: ${quoted(path)}`, digest });
    }
  } catch (error) {
    if (hasFailed() || !isOciError(error)) throw error;
    findings.push(findingOf(error, digest));
  } finally {
    paths.release();
  }
  if (doubled > maxToldPaths) {
    const message = `duplicate file paths: ${doubled - maxToldPaths} more`;
    findings.push({ code: 'INVALID_ARCHIVE', message, digest });
  }
  if (!paths.isComplete) {
    const message = 'it has so many entries that not all were compared with each other for duplicate paths';
    findings.push({ code: 'LIMIT_EXCEEDED', message, digest, isWarning: true });
  }
  return findings;
}

const compressions: Readonly<Record<string, CompressionKind | undefined>> = {
  [mediaTypes.ociLayer]: 'none',
  [mediaTypes.ociRestrictedLayer]: 'none',
  [mediaTypes.dockerLayer]: 'none',
  [mediaTypes.dockerForeignLayer]: 'none',
  [mediaTypes.ociLayerZstd]: 'zstd',
  [mediaTypes.ociRestrictedLayerZstd]: 'zstd',
  [mediaTypes.dockerLayerZstd]: 'zstd',
};

function statedCompression(mediaType: string): CompressionKind {
  return compressions[mediaType] ?? 'gzip';
}

function wrongCompression(
  { digest, mediaType, size }: Descriptor,
  stated: CompressionKind,
  actual: CompressionKind,
): Finding {
  const words = { none: 'no compression', gzip: 'gzip', zstd: 'zstd' };
  const found = size === 0 ? 'no content' : words[actual];
  const message = `it has ${found}, but its media type ${quoted(mediaType)} says ${words[stated]}`;
  return { code: 'INVALID_ARCHIVE', message, digest };
}
