import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noise, piecesOf, WatchedStream } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from './bytes.ts';
import { readFileStream, writeFileAtomically } from './file.ts';
import { describeBytes } from './hash.ts';
import { VerifiedStream } from './verify.ts';

const bytes = noise(2_500_000);

describe('writing a file', () => {
  it('writes chunks of any size, in order', async () => {
    const path = join(await testDirectory(), 'file');
    const source = new WatchedStream(piecesOf(bytes, 1, 0, 1_200_000, 3, 65_536));
    expect(await writeFileAtomically(path, source)).toBe(bytes.byteLength);
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  });

  it('writes thousands of tiny chunks', async () => {
    const path = join(await testDirectory(), 'file');
    const part = bytes.subarray(0, 5000);
    expect(await writeFileAtomically(path, new WatchedStream(piecesOf(part, 1)), { fsync: true })).toBe(5000);
    expect(Buffer.compare(await readFile(path), part)).toBe(0);
  });

  it('copies what comes in memory that is used again', async () => {
    const path = join(await testDirectory(), 'file');
    const large = noise(7_300_000);
    const memory = new Uint8Array(400_000);
    async function* reused(): AsyncGenerator<Uint8Array, void> {
      for (let at = 0, length = 1; at < large.byteLength; at += length, length = ((length * 7) % 400_000) + 1) {
        const part = large.subarray(at, at + length);
        memory.set(part);
        yield memory.subarray(0, part.byteLength);
        memory.fill(0);
      }
    }
    expect(await writeFileAtomically(path, reused(), { copies: true })).toBe(large.byteLength);
    expect(Buffer.compare(await readFile(path), large)).toBe(0);
  });

  it('writes bytes in hand, and nothing', async () => {
    const path = join(await testDirectory(), 'file');
    expect(await writeFileAtomically(path, Buffer.from('x'), { mode: 0o600 })).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await writeFileAtomically(path, new Uint8Array(0))).toBe(0);
    expect((await stat(path)).size).toBe(0);
  });

  it('keeps the permissions of the file it replaces', async () => {
    const path = join(await testDirectory(), 'file');
    await writeFile(path, 'old', { mode: 0o600 });
    await writeFileAtomically(path, Buffer.from('new'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it('leaves the old file and nothing else when the source fails', async () => {
    const directory = await testDirectory();
    const path = join(directory, 'file');
    await writeFile(path, 'old');
    const source = new WatchedStream(piecesOf(bytes, 100_000), () => Promise.reject(new Error('cut')));
    await expect(writeFileAtomically(path, source)).rejects.toThrow('cut');
    expect(await readdir(directory)).toEqual(['file']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('cancels the source when there is no place to write', async () => {
    const source = new WatchedStream([bytes]);
    const path = join(await testDirectory(), 'missing', 'file');
    const message = `Cannot write ${JSON.stringify(path)}: no such file or directory`;
    await expect(writeFileAtomically(path, source)).rejects.toMatchObject({ code: 'FILE_SYSTEM', message });
    expect(source).toMatchObject({ released: true, reads: 0 });
  });

  it("ends with the signal's reason and leaves nothing, even when the source hangs", async () => {
    const directory = await testDirectory();
    const controller = new AbortController();
    const reason = new Error('enough');
    const source = new WatchedStream([bytes], () => {
      controller.abort(reason);
      return new Promise(() => {});
    });
    const { signal } = controller;
    // A verified stream waits for its source when it is cancelled.
    const verified = new VerifiedStream(source, describeBytes(noise(3_000_000), 'x'));
    await expect(writeFileAtomically(join(directory, 'file'), verified, { signal })).rejects.toBe(reason);
    expect(await readdir(directory)).toEqual([]);
    expect(source.released).toBe(true);
  });
});

describe('reading a file', () => {
  it('gives the whole or any part', async () => {
    const path = join(await testDirectory(), 'file');
    await writeFile(path, bytes);
    for (const [start, end] of [
      [0, undefined],
      [0, 0],
      [1, 2],
      [600_000, 2_000_001],
      [2_499_999, 9_000_000],
      [9_000_000, undefined],
    ] as const) {
      const part = await collect(await readFileStream(path, { start, end }), 3_000_000);
      expect(Buffer.compare(part, bytes.subarray(start, end))).toBe(0);
    }
  });

  it('hands out chunks that are not overwritten later', async () => {
    const path = join(await testDirectory(), 'file');
    await writeFile(path, bytes);
    const chunks: Uint8Array[] = [];
    for await (const chunk of await readFileStream(path)) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(2);
    expect(Buffer.compare(Buffer.concat(chunks), bytes)).toBe(0);
  });

  it('says what is not there or is no file', async () => {
    const directory = await testDirectory();
    await writeFile(join(directory, 'file'), 'x');
    await expect(readFileStream(join(directory, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(readFileStream(join(directory, 'file', 'below'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(readFileStream(directory)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('follows links only where it may', async () => {
    const directory = await testDirectory();
    await mkdir(join(directory, 'd'));
    await writeFile(join(directory, 'file'), 'x');
    await symlink('file', join(directory, 'link'));
    expect(await collect(await readFileStream(join(directory, 'link')), 1)).toHaveLength(1);
    await expect(readFileStream(join(directory, 'link'), { regularOnly: true })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    expect(await collect(await readFileStream(join(directory, 'file'), { regularOnly: true }), 1)).toHaveLength(1);
  });

  it.skipIf(process.platform === 'win32')(
    'refuses devices where only files are expected, and reads them elsewhere',
    async () => {
      await expect(readFileStream('/dev/null', { regularOnly: true })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
      expect(await collect(await readFileStream('/dev/null'), 0)).toHaveLength(0);
    },
  );

  it.skipIf(process.platform !== 'linux')('closes the file when cancelled, unread or halfway', async () => {
    const path = join(await testDirectory(), 'file');
    await writeFile(path, bytes);
    const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await open();
    for (let i = 0; i < 50; i++) {
      await (await readFileStream(path)).cancel();
      const half = await readFileStream(path);
      for await (const _ of half) break;
      await half.cancel();
    }
    expect(await open()).toBeLessThan(before + 20);
  });

  it("ends with the signal's reason", async () => {
    const path = join(await testDirectory(), 'file');
    await writeFile(path, bytes);
    const controller = new AbortController();
    const reason = new Error('enough');
    const stream = await readFileStream(path, { signal: controller.signal });
    const reading = (async () => {
      for await (const _ of stream) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    await expect(readFileStream(path, { signal: controller.signal })).rejects.toBe(reason);
  });
});
