import { afterEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../content/hash.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import { JsonLines } from './json-lines.ts';
import { PlainLines } from './plain-lines.ts';

const layer = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(Buffer.from('layer')), size: 2000 };
const manifest = { mediaType: mediaTypes.ociManifest, digest: digestOf(Buffer.from('manifest')), size: 500 };
const retry = { type: 'retry', target: layer, attempt: 1, delayMs: 1500, message: 'the line broke' } as const;

const start: readonly ProgressEvent[] = [
  { type: 'queued', target: manifest },
  { type: 'queued', target: layer },
  { type: 'start', target: layer, offset: 0 },
  { type: 'chunk', target: layer, bytes: 500 },
  { type: 'chunk', target: layer, bytes: 500 },
];
const end: readonly ProgressEvent[] = [
  retry,
  { type: 'start', target: layer, offset: 1000 },
  { type: 'chunk', target: layer, bytes: 1000 },
  { type: 'commit', target: layer },
  { type: 'finish', target: layer },
  { type: 'finish', target: manifest, tag: 'v1' },
];

const open: { end(): void }[] = [];
afterEach(() => {
  for (const display of open.splice(0)) display.end();
});

describe('plain progress', () => {
  it('has a line for each blob that begins, goes on, ends or is skipped, and one for all when there is news', () => {
    const lines: string[] = [];
    let now = 0;
    const plain = new PlainLines({ log: { note: (text) => void lines.push(text) }, clock: () => now });
    open.push(plain);
    for (const event of start) plain.event(event);
    now = 3000;
    plain.tell();
    plain.tell();
    for (const event of end) plain.event(event);
    plain.event({ type: 'skip', target: { ...layer, digest: digestOf(Buffer.from('b')) }, reason: 'exists' });
    plain.end();
    expect(lines).toEqual([
      `layer ${layer.digest}: started, 2.0 kB`,
      '0 of 1 blob, 1.0 kB of 2.0 kB, 333 B/s, 3s left',
      `layer ${layer.digest}: try 1 failed, the next one in 2s: the line broke`,
      `layer ${layer.digest}: goes on at 1.0 kB of 2.0 kB`,
      `layer ${layer.digest}: finished, 2.0 kB in 3.0s`,
      `layer ${digestOf(Buffer.from('b'))}: exists`,
      '1 blob, 2.0 kB in 3.0s (667 B/s); 1 existed',
    ]);
  });
});

describe('progress as JSON', () => {
  it('gives every event but chunks, which are put together, and the sums', () => {
    const records: object[] = [];
    let now = 0;
    const json = new JsonLines({ log: { record: (entry) => void records.push(entry) }, clock: () => now });
    open.push(json);
    for (const event of start) json.event(event);
    now = 500;
    json.tell();
    json.tell();
    for (const event of end) json.event(event);
    json.event({ type: 'warning', message: 'careful' });
    json.end();
    const sums = {
      blobs: 1,
      skipped: { exists: 0, mounted: 0, nondistributable: 0 },
      size: 2000,
      bytesPerSecond: 2000,
    };
    expect(records).toEqual([
      { type: 'queued', ...manifest },
      { type: 'queued', ...layer, bytes: 0 },
      { type: 'start', ...layer, bytes: 0, offset: 0 },
      { type: 'progress', ...layer, bytes: 1000, bytesPerSecond: 2000 },
      { type: 'total', ...sums, settled: 0, bytes: 1000, moved: 1000 },
      { type: 'total', ...sums, settled: 0, bytes: 1000, moved: 1000 },
      { type: 'retry', ...layer, bytes: 1000, attempt: 1, delayMs: 1500, message: 'the line broke' },
      { type: 'start', ...layer, bytes: 1000, offset: 1000 },
      { type: 'commit', ...layer, bytes: 2000 },
      { type: 'finish', ...layer, bytes: 2000 },
      { type: 'finish', ...manifest, tag: 'v1' },
      { type: 'warning', message: 'careful' },
      { type: 'end', ...sums, settled: 1, bytes: 2000, moved: 2000 },
    ]);
  });
});
