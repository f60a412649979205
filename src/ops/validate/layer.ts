import type { ByteStream } from '../../content/bytes.ts';
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
  const findings: Finding[] = [];
  const stated = statedCompression(layer.mediaType);
  if (compression !== stated) findings.push(wrongCompression(layer, stated, compression));
  const { limit } = options;
  const tar = compression === 'none' ? stream : decompressor(compression, { limit })(stream);
  const digester = new Digester(options.algorithm);
  const hashed = hashing(tar, digester)[Symbol.asyncIterator]();
  const unclosed = { [Symbol.asyncIterator]: () => ({ next: () => hashed.next() }) };
  try {
    findings.push(...(await checkArchive(unclosed, layer, options, hasFailed)));
    while ((await hashed.next()).done !== true);
    return { findings, diffId: digester.finish() };
  } catch (error) {
    if (hasFailed() || !isOciError(error)) throw error;
    // A decoder that failed has told it already where the archive was read.
    const told = findings.some(({ message }) => message === error.message);
    return { findings: told ? findings : [...findings, findingOf(error, layer.digest)] };
  } finally {
    await hashed.return?.(undefined);
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

async function* hashing(
  chunks: AsyncIterable<Uint8Array> | ByteStream,
  digester: Digester,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    digester.update(chunk);
    yield chunk;
  }
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
  { digest, mediaType }: Descriptor,
  stated: CompressionKind,
  actual: CompressionKind,
): Finding {
  const words = { none: 'no compression', gzip: 'gzip', zstd: 'zstd' };
  const message = `it has ${words[actual]}, but its media type ${quoted(mediaType)} says ${words[stated]}`;
  return { code: 'INVALID_ARCHIVE', message, digest };
}
