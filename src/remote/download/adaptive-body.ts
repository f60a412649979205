import type { ByteRange } from '../../wire/content-range.ts';
import type { BlobSource, OpenedPart } from './blob-source.ts';
import { haveRoom, inParts, type PartsOptions } from './parts.ts';
import { resumingBody } from './resuming-body.ts';

export interface AdaptiveOptions extends PartsOptions {
  /** Bytes that have to be left to be worth several connections. */
  readonly leastLeft: number;
  readonly now: () => number;
}

/**
 * Part of a blob over one connection, and over several for as long as these bring more. Over a fast line one connection takes
 * all the processor gives, so that it stays with one (docs/performance.md).
 */
export async function* adaptiveBody(
  source: BlobSource,
  { start, end }: ByteRange,
  opened: OpenedPart,
  options: AdaptiveOptions,
): AsyncGenerator<Uint8Array, void> {
  const { pace, leastLeft, now } = options;
  const mayWiden = (): boolean => source.servesRanges && end - offset >= leastLeft && haveRoom(options);
  let offset = start;
  let answer: OpenedPart | undefined = opened;
  for (;;) {
    for await (const chunk of resumingBody(source, { start: offset, end }, answer, options)) {
      offset += chunk.byteLength;
      const given = now();
      yield chunk;
      if (!pace.arrived(chunk.byteLength, now() - given)) continue;
      if (mayWiden()) break;
      pace.postpone();
    }
    if (offset === end) return;
    answer = undefined;
    for await (const chunk of inParts(source, { start: offset, end }, options)) {
      offset += chunk.byteLength;
      yield chunk;
    }
    if (offset === end) return;
    if (pace.connections > 1) pace.postpone();
  }
}
