import * as fc from 'fast-check';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import { PagedBytes, PagedWords } from './paged-array.ts';
import { PagedMemory, pageSize } from './paged-memory.ts';

const pages = 12;

it('is what plain arrays are, with room for three pages of all', async () => {
  const directory = await testDirectory();
  const step = fc.record({
    array: fc.nat({ max: 3 }),
    at: fc.oneof(fc.nat({ max: pages * pageSize - 1 }), fc.nat({ max: 40 })),
    value: fc.option(fc.nat({ max: 0xffff_ffff })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      using memory = new PagedMemory({ size: 3 * pageSize, directory });
      const bytes = [new PagedBytes(memory), new PagedBytes(memory)];
      const words = [new PagedWords(memory), new PagedWords(memory)];
      const paged = [...bytes, ...words];
      const plain = [
        ...bytes.map(() => new Uint8Array(pages * pageSize)),
        ...words.map(() => new Uint32Array(pages * pageSize)),
      ];
      for (const { array, at, value } of steps) {
        if (value === null) expect(paged[array]?.get(at)).toBe(plain[array]?.[at]);
        else {
          paged[array]?.set(at, value);
          (plain[array] as Uint8Array)[at] = value;
        }
      }
      for (const { array, at } of steps) expect(paged[array]?.get(at)).toBe(plain[array]?.[at]);
    }),
    { numRuns: 60 },
  );
});

it('keeps logs that are written, read and cleared in turn', async () => {
  const directory = await testDirectory();
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat({ max: 3 * pageSize }).map((n) => Buffer.alloc(n, 'ab')),
  );
  const step = fc.record({
    log: fc.nat({ max: 2 }),
    text,
    clears: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      using memory = new PagedMemory({ size: 2 * pageSize, directory });
      const logs = [0, 1, 2].map(() => ({ log: new ByteLog(memory), expected: [] as Uint8Array[] }));
      for (const { log: number, text: bytes, clears } of steps) {
        const { log, expected } = logs[number] as (typeof logs)[number];
        if (clears) {
          log.clear();
          expected.length = 0;
        }
        log.text(bytes);
        log.signed(-bytes.length);
        expected.push(bytes);
      }
      for (const { log, expected } of logs) {
        const reader = new ByteLogReader(log);
        for (const bytes of expected) {
          expect(Buffer.compare(reader.text(), bytes)).toBe(0);
          expect(reader.signed()).toBe(0 - bytes.length);
        }
        expect(reader.at).toBe(log.length);
      }
    }),
    { numRuns: 60 },
  );
});

it('makes a file when there is no room, which only this user can read and which nothing is left of', async () => {
  const directory = await testDirectory();
  const memory = new PagedMemory({ size: 4 * pageSize, directory });
  const bytes = new PagedBytes(memory);
  for (let page = 0; page < 4; page++) bytes.set(page * pageSize, 1);
  expect(await openFilesIn(directory)).toEqual([]);
  bytes.set(4 * pageSize, 1);
  const [file] = await openFilesIn(directory);
  // Windows keeps the name of a file that is open; other systems have no such list of open files.
  if (process.platform === 'linux') expect(((await stat(file as string)).mode & 0o777).toString(8)).toBe('600');
  if (process.platform !== 'win32') expect(await readdir(directory)).toEqual([]);
  memory[Symbol.dispose]();
  expect(await openFilesIn(directory)).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});

it('says which file it could not write', async () => {
  const directory = join(await testDirectory(), 'missing');
  using memory = new PagedMemory({ size: 2 * pageSize, directory });
  const bytes = new PagedBytes(memory);
  const fill = (): void => {
    for (let page = 0; page < 4; page++) bytes.set(page * pageSize, 1);
  };
  expect(fill).toThrow(/^Cannot write temporary files in ".*missing": no such file or directory$/);
});

/** Paths by which the system shows them, whether or not they still have their names. */
async function openFilesIn(directory: string): Promise<string[]> {
  const own = '/proc/self/fd';
  const files = await readdir(own).catch(() => []);
  const found: string[] = [];
  for (const file of files) {
    const target = await readlink(join(own, file)).catch(() => '');
    if (target.startsWith(directory)) found.push(join(own, file));
  }
  return found;
}
