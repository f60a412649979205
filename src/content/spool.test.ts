import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WatchedStream } from '../../test/conformance/samples.ts';
import { collect } from './bytes.ts';
import { digestOf } from './hash.ts';
import { spool } from './spool.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'spool-'));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

it('keeps bytes until it is disposed of, and knows their digest and size', async () => {
  const directory = join(root, 'made', 'when missing');
  const data = Buffer.alloc(3_000_000, 'spool');
  const kept = await spool(data, { directory });
  expect(kept).toMatchObject({ size: data.length, digest: digestOf(data) });
  for (let i = 0; i < 2; i++) expect(data.equals(await collect(await kept.open(), data.length))).toBe(true);
  if (process.platform !== 'win32') expect((await stat(dirname(kept.path))).mode & 0o777).toBe(0o700);
  await kept[Symbol.asyncDispose]();
  await kept[Symbol.asyncDispose]();
  expect(await readdir(directory)).toEqual([]);
});

it('leaves nothing when its source fails or its signal aborts', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(10);
    throw new Error('line cut');
  }
  await expect(spool(failing(), { directory: root })).rejects.toThrow('line cut');
  const reason = new Error('enough');
  await expect(spool(Buffer.alloc(1), { directory: root, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect((await readdir(root)).filter((name) => name.startsWith('crane'))).toEqual([]);
});

it('stands in the directory for temporary files by default', async () => {
  const kept = await spool(Buffer.from('x'));
  expect(kept.path.startsWith(tmpdir())).toBe(true);
  await kept[Symbol.asyncDispose]();
});

it('releases a source that it cannot begin to read', async () => {
  for (const options of [{ directory: '/dev/null/x' }, { signal: AbortSignal.abort(new Error('enough')) }]) {
    const source = new WatchedStream([Buffer.alloc(1)]);
    await expect(spool(source, options)).rejects.toThrow();
    expect(source.released).toBe(true);
  }
});
