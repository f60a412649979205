import { type ByteStream, pipe } from '../../content/bytes.ts';
import { untilAborted } from '../../content/abort.ts';
import { decompress } from '../../content/compression.ts';
import { Digester } from '../../content/hash.ts';
import { TarReader } from '../../content/tar/reader.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest } from '../../oci/digest.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { ContentSource } from '../../store/store.ts';
import { unclosed, unreadable } from '../layers/unreadable-layer.ts';
import { openContent } from '../read.ts';
import type { LayerLog } from './layer-log.ts';
import type { Limits } from './limits.ts';
import type { Merge } from './merge.ts';
import type { UnpackedLayer } from './unpacked-layer.ts';

export interface LayerToScan {
  readonly layer: Descriptor;
  /** Absent for what has no image config. */
  readonly diffId: Digest | undefined;
  /** Where its tar is kept. */
  readonly unpacked: UnpackedLayer;
}

/**
 * Reads a layer once: notes its entries for the merge, checks size, digest and diff ID.
 *
 * @throws {OciError} `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `INVALID_ARCHIVE`, `LIMIT_EXCEEDED`
 */
export async function scanLayer(
  store: ContentSource,
  { layer, diffId, unpacked }: LayerToScan,
  merge: Merge,
  limits: Limits,
  options: TransferOptions,
): Promise<LayerLog> {
  const { signal, onProgress } = options;
  const digester = new Digester(diffId === undefined ? 'sha256' : algorithmOf(diffId));
  const opened = await openLayer(store, layer, options);
  const chunks = unclosed(untilAborted(opened, signal));
  const log = merge.newLog();
  try {
    const { stream } = await decompress(chunks);
    const tar = pipe(stream, (chunks) => unpacked.keep(observed(chunks, digester, limits)));
    const reader = new TarReader(tar, { viewsHeaders: true });
    for await (const { header, parts } of reader) {
      limits.countEntry();
      if (header.sparse !== undefined) limits.countBytes(header.sparse.realSize);
      log.add(header);
      unpacked.spans.add(header, parts);
    }
  } catch (error) {
    const reason = await unreadable(error, layer, opened, chunks);
    await release(opened, signal);
    throw reason;
  }
  const actual = digester.finish();
  if (diffId !== undefined && actual !== diffId) {
    throw new OciError(
      'DIGEST_MISMATCH',
      `The diff ID of layer ${layer.digest} is ${actual}, but the config says ${diffId}`,
    );
  }
  onProgress?.({ type: 'finish', target: layer });
  return log;
}

/** Opens a layer, verified, and tells of it. */
export async function openLayer(
  store: ContentSource,
  layer: Descriptor,
  options: TransferOptions,
): Promise<VerifiedStream> {
  const { onProgress } = options;
  onProgress?.({ type: 'start', target: layer, offset: 0 });
  const opened = await openContent(store, layer, options);
  return VerifiedStream.of(opened, layer).onBytes((bytes) => onProgress?.({ type: 'chunk', target: layer, bytes }));
}

async function* observed(
  chunks: AsyncIterable<Uint8Array>,
  digester: Digester,
  limits: Limits,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    limits.countBytes(chunk.byteLength);
    digester.update(chunk);
    yield chunk;
  }
}

/** A source that hangs may never answer; after an abort nobody waits for it. */
export async function release(stream: ByteStream, signal: AbortSignal | undefined): Promise<void> {
  const released = stream.cancel().catch(() => {});
  if (signal?.aborted !== true) await released;
}
