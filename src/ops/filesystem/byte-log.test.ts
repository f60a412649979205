import { expect, it } from 'vitest';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import { PagedMemory, pageSize } from './paged-memory.ts';

it('gives back what was written, also where it goes on in the next page', () => {
  const log = new ByteLog(new PagedMemory());
  log.number(2 ** 53 - 1);
  log.signed(-1);
  log.text(Buffer.from('name'.repeat(pageSize)));
  const reader = new ByteLogReader(log);
  expect([reader.number(), reader.signed(), Buffer.from(reader.text()).toString()]).toEqual([
    2 ** 53 - 1,
    -1,
    'name'.repeat(pageSize),
  ]);
  expect(reader.at).toBe(log.length);
});

it('refuses names that would fill the disk', () => {
  const log = new ByteLog(new PagedMemory(), 1000);
  log.text(new Uint8Array(900));
  expect(() => log.text(new Uint8Array(200))).toThrow(/more than 1000 bytes/);
});
