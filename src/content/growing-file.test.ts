import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { deferred } from '../../test/support/deferred.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from './bytes.ts';
import type { GrowingContent } from './growing-file.ts';
import { digestOf } from './hash.ts';
import { spool, spoolWhile } from './spool.ts';

const mebibyte = 1024 * 1024;
const bytes = Buffer.alloc(5 * mebibyte, 'grows');

type Spooling = typeof spool;

/** A spool whose bytes are looked at on their way. */
const watched: Spooling = (source, options) =>
  spoolWhile(
    source,
    async (chunks) => {
      for await (const _ of chunks);
    },
    options,
  );

describe.each<[string, Spooling]>([
  ['spool', spool],
  ['spoolWhile', watched],
])('what grows in %s', (_, write) => {
  it('is read while it is written, and says what it has become', async () => {
    const begun = deferred<GrowingContent>();
    const rest = deferred();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 2 * mebibyte);
      await rest.promise;
      yield bytes.subarray(2 * mebibyte);
    }
    const writing = write(source(), { directory: await testDirectory(), onBegin: begun.resolve });
    const growing = await begun.promise;
    expect(await growing.reach(2 * mebibyte)).toBe(2 * mebibyte);
    const part = await collect(await growing.read(1000, mebibyte + 1), bytes.length);
    expect(bytes.subarray(1000, mebibyte + 1).equals(part)).toBe(true);
    expect(growing.result).toBeUndefined();
    const more = growing.reach(100 * mebibyte);
    rest.resolve();
    expect(await more).toBe(bytes.length);
    await using kept = await writing;
    expect(growing.result).toEqual({ digest: digestOf(bytes), size: bytes.length });
    expect(await growing.reach(Number.POSITIVE_INFINITY)).toBe(bytes.length);
    expect(growing.failed.aborted).toBe(false);
    expect(kept.size).toBe(bytes.length);
  });

  it('ends every wait when it fails, and leaves no file', async () => {
    const begun = deferred<GrowingContent>();
    const cut = deferred();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, mebibyte);
      await cut.promise;
      throw new Error('line cut');
    }
    const directory = await testDirectory();
    const writing = write(source(), { directory, onBegin: begun.resolve });
    const growing = await begun.promise;
    const waits = [growing.reach(2 * mebibyte), growing.reach(3 * mebibyte)];
    cut.resolve();
    await expect(writing).rejects.toThrow('line cut');
    expect(await Promise.all(waits)).toEqual([mebibyte, mebibyte]);
    expect(growing.result).toBeUndefined();
    expect(growing.failed.reason).toMatchObject({ message: 'line cut' });
    expect(await readdir(directory)).toEqual([]);
  });
});

it('who waits no longer is let go', async () => {
  const begun = deferred<GrowingContent>();
  const end = deferred();
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 1);
    await end.promise;
  }
  const writing = spool(source(), { directory: await testDirectory(), onBegin: begun.resolve });
  const growing = await begun.promise;
  const abort = new AbortController();
  const wait = growing.reach(2, { signal: abort.signal });
  abort.abort();
  expect(await wait).toBeLessThan(2);
  expect(await growing.reach(2, { signal: abort.signal })).toBeLessThan(2);
  end.resolve();
  await (await writing)[Symbol.asyncDispose]();
});
