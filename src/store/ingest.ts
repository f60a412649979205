import { type ByteSource, type ByteStream, streamOf } from '../content/bytes.ts';
import { describeBytes } from '../content/hash.ts';
import { spool, type SpoolOptions } from '../content/spool.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { canIngest, canPushFrom, type ReopenableContent } from './capabilities.ts';
import type { TransferOptions } from './progress.ts';
import type { ContentSink } from './store.ts';

export interface IngestOptions extends TransferOptions, Pick<SpoolOptions, 'directory' | 'algorithm'> {}

/**
 * Adds content of which neither digest nor size is known, as from a pipe. Registries want to know both beforehand, so it is
 * written to a temporary file first, from where it can also be sent again after a break. What the sink has is not sent.
 */
export async function ingest(
  sink: ContentSink,
  content: ByteSource,
  mediaType: string,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { algorithm, signal } = options;
  if (canIngest(sink)) return sink.ingest(content, mediaType, { signal });
  if (content instanceof Uint8Array && (algorithm ?? 'sha256') === 'sha256') {
    const target = describeBytes(content, mediaType);
    await push(sink, target, async (start) => streamOf(content.subarray(start)), options);
    return target;
  }
  const spooled = await spool(content, options);
  try {
    const target = { mediaType, digest: spooled.digest, size: spooled.size };
    await push(sink, target, (start) => spooled.open({ start, signal }), options);
    return target;
  } finally {
    await spooled[Symbol.asyncDispose]();
  }
}

async function push(
  sink: ContentSink,
  target: Descriptor,
  open: ReopenableContent['open'],
  { signal, onProgress }: IngestOptions,
): Promise<void> {
  if ((await sink.stat(target, { signal }))?.size === target.size) {
    onProgress?.({ type: 'skip', target, reason: 'exists' });
    return;
  }
  const counted = async (start: number): Promise<ByteStream> => {
    onProgress?.({ type: 'start', target, offset: start });
    // The digest was computed from just these bytes.
    const stream = VerifiedStream.proven(await open(start), target);
    return stream.onBytes((bytes) => onProgress?.({ type: 'chunk', target, bytes }));
  };
  if (canPushFrom(sink)) await sink.pushFrom(target, { open: counted }, { signal, onProgress });
  else await sink.push(target, await counted(0), { signal });
  onProgress?.({ type: 'finish', target });
}
