import { stat } from 'node:fs/promises';
import { untilAborted } from '../../content/abort.ts';
import { type ByteSource, type ByteStream, type ByteTransform, discard, pipe } from '../../content/bytes.ts';
import {
  type Compression,
  type CompressionKind,
  compressing,
  decompressor,
  detectCompression,
} from '../../content/compression.ts';
import { readFileStream } from '../../content/file.ts';
import { Digester } from '../../content/hash.ts';
import { type SpoolOptions, spoolWhile } from '../../content/spool.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { layerTypeIn, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { CallOptions } from '../../options.ts';
import { spooledContent, type StagedContent } from '../../store/staging.ts';
import { type NewLayer, newLayer, layerType } from './new-layer.ts';
import { noted, packLayer } from './pack-layer.ts';
import { checkedTar } from './tar-check.ts';

export interface TarLayerOptions extends CallOptions, Pick<SpoolOptions, 'directory' | 'onBegin'> {
  /** What a plain archive is compressed with; one that is compressed is taken byte for byte. @default gzip, level 1, as crane does */
  readonly compression?: Compression | undefined;
  /** Whose media type the layer has. @default 'oci' */
  readonly format?: MediaTypeFamily | undefined;
  /** What becomes of zstd where the family has no type for it: Docker defines none. `'recompress'` makes it gzip. @default 'refuse' */
  readonly untyped?: 'refuse' | 'recompress' | undefined;
  /** Makes another archive of it, such as {@link windowsLayerTar}; it is compressed anew then, whatever it was. @default none */
  readonly rewrite?: ByteTransform | undefined;
  /** Called when a compressed archive is not taken byte for byte, and no rewriting asks for that. */
  readonly onRecompress?: ((from: CompressionKind, to: CompressionKind) => void) | undefined;
  /** Most bytes of the archive without compression. @default no limit; memory and disk do not grow with it */
  readonly limit?: number | undefined;
  /** How messages call the archive. @default by its path, or the layer */
  readonly name?: string | undefined;
}

/**
 * A tar archive as a layer: plain, gzip and zstd are told by their first bytes, from files, pipes and any other stream. It is
 * read once, and checked to be a tar archive on the way. Regular files that are taken as they are stay where they are and must
 * not change before the layer was copied, which is noticed; everything else goes to a temporary file. crane-cli reference,
 * section 9.1.
 *
 * @param source a path, or bytes
 * @throws {OciError} `NOT_FOUND`, `INVALID_ARCHIVE` when it is no tar archive, damaged or empty, `LIMIT_EXCEEDED`,
 *   `UNSUPPORTED` for zstd with Docker media types and where the runtime cannot compress with it
 */
export async function layerFromTar(source: string | ByteSource, options: TarLayerOptions = {}): Promise<NewLayer> {
  const { signal, format = 'oci' } = options;
  // A level that is none is the caller's mistake, and told before anything is read.
  compressing(options.compression ?? { kind: 'gzip' });
  const path = typeof source === 'string' ? source : undefined;
  const opened = typeof source === 'string' ? await readFileStream(source, { signal }) : source;
  try {
    const { compression, stream } = await detectCompression(untilAborted(opened, signal));
    const what = options.name ?? (path === undefined ? 'The layer' : `The layer ${quoted(path)}`);
    const { kind, level } = packingOf(compression, options);
    const mediaType = layerType(format, kind);
    const checked = (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> => {
      const plain = compression === 'none' ? chunks : decompressor(compression, {})(chunks);
      return checkedTar(limited(plain, options.limit, what), what);
    };
    const { rewrite } = options;
    if (rewrite !== undefined || compression !== kind || (kind === 'none' && path === undefined)) {
      if (rewrite === undefined && compression !== 'none') options.onRecompress?.(compression, kind);
      const tar = rewrite === undefined ? pipe(stream, checked) : pipe(pipe(stream, checked), rewrite);
      return await packLayer(tar, mediaType, compressing({ kind, level }), options);
    }
    const diffId = new Digester();
    const read = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of checked(chunks)) diffId.update(chunk);
    };
    const taken = await asItIs(stream, path, read, options);
    const target = { mediaType, digest: taken.digest, size: taken.size };
    return newLayer(target, diffId.finish(), taken.content(target));
  } catch (error) {
    await discard(opened).catch(() => {});
    throw error;
  }
}

/** How the layer will be compressed. */
function packingOf(found: CompressionKind, options: TarLayerOptions): Compression {
  const { compression: wanted = { kind: 'gzip' }, format = 'oci', untyped = 'refuse', rewrite } = options;
  if (found === 'none' || rewrite !== undefined) return wanted;
  if (untyped === 'refuse' || layerTypeIn(format, found) !== undefined) return { kind: found };
  return layerTypeIn(format, wanted.kind) === undefined ? { kind: 'gzip' } : wanted;
}

interface Taken extends Pick<Descriptor, 'digest' | 'size'> {
  content(target: Descriptor): StagedContent;
}

/** Reads an archive to its end without changing it; what cannot be read again is written to a temporary file meanwhile. */
async function asItIs(
  stream: ByteStream,
  path: string | undefined,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  options: TarLayerOptions,
): Promise<Taken> {
  if (path !== undefined && (await stat(path)).isFile()) {
    const digester = new Digester();
    await read(noted(stream, digester));
    return { size: digester.size, digest: digester.finish(), content: (target) => fileContent(path, target) };
  }
  const spooled = await spoolWhile(stream, read, options);
  return { size: spooled.size, digest: spooled.digest, content: (target) => spooledContent(spooled, target) };
}

function fileContent(path: string, target: Descriptor): StagedContent {
  return {
    async open(start) {
      const stream = await readFileStream(path, { start });
      return start === 0 ? VerifiedStream.of(stream, target) : stream;
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  limit: number | undefined,
  what: string,
): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.byteLength;
    if (limit !== undefined && total > limit) {
      throw new OciError('LIMIT_EXCEEDED', `${what} is larger than the limit of ${limit} bytes without compression`, {
        hint: 'Raise limit when the archive is to be trusted',
      });
    }
    yield chunk;
  }
}
