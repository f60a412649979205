import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/test-directory.ts';
import { noise, piecesOf, WatchedStream } from '../../test/conformance/samples.ts';
import { type ByteStream, collect } from '../content/bytes.ts';
import { describeBytes } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { ReopenableContent } from './capabilities.ts';
import { ingest } from './ingest.ts';
import { MemoryStore } from './memory.ts';
import type { ProgressEvent } from './progress.ts';

const bytes = noise(300_000);
const target = describeBytes(bytes, mediaTypes.ociLayer);

describe('ingest', () => {
  it('adds a stream whose digest nobody knew, and leaves no file behind', async () => {
    const directory = await testDirectory();
    const store = new MemoryStore();
    const events: ProgressEvent[] = [];
    const stream = new WatchedStream(piecesOf(bytes, 1000, 70_000));
    const options = { directory, onProgress: (event: ProgressEvent): void => void events.push(event) };
    expect(await ingest(store, stream, mediaTypes.ociLayer, options)).toEqual(target);
    expect(Buffer.compare(await collect(await store.fetch(target), bytes.length), bytes)).toBe(0);
    expect(await readdir(directory)).toEqual([]);
    expect(events[0]).toEqual({ type: 'start', target, offset: 0 });
    expect(events.at(-1)).toEqual({ type: 'finish', target });
  });

  it('sends nothing that is there, and bytes in hand without a file', async () => {
    const store = new MemoryStore();
    const events: string[] = [];
    const options = {
      directory: '/nowhere/at/all',
      onProgress: ({ type }: ProgressEvent): void => void events.push(type),
    };
    expect(await ingest(store, bytes, mediaTypes.ociLayer, options)).toEqual(target);
    expect(await ingest(store, bytes, mediaTypes.ociLayer, options)).toEqual(target);
    expect(events).toEqual(['start', 'chunk', 'finish', 'skip']);
  });

  it('can be read again by a sink that goes on where it broke', async () => {
    const sink = new ResumingSink();
    expect(await ingest(sink, new WatchedStream(piecesOf(bytes, 5000)), mediaTypes.ociLayer)).toEqual(target);
    expect(Buffer.compare(sink.received, bytes)).toBe(0);
  });

  it('ends the source and leaves no file behind when the sink fails', async () => {
    const directory = await testDirectory();
    const sink = new MemoryStore();
    sink.push = () => Promise.reject(new Error('full'));
    const stream = new WatchedStream(piecesOf(bytes, 5000));
    await expect(ingest(sink, stream, mediaTypes.ociLayer, { directory })).rejects.toThrow('full');
    expect(stream.released).toBe(true);
    expect(await readdir(directory)).toEqual([]);
  });
});

/** Reads the first half, and then the other one from a new stream. */
class ResumingSink extends MemoryStore {
  received = Buffer.alloc(0);

  async pushFrom({ size }: Descriptor, content: ReopenableContent): Promise<void> {
    const first = await content.open(0);
    for await (const chunk of first) {
      this.received = Buffer.concat([this.received, chunk]);
      if (this.received.length >= size / 2) break;
    }
    await first.cancel();
    const rest: ByteStream = await content.open(this.received.length);
    this.received = Buffer.concat([this.received, await collect(rest, size)]);
  }
}
