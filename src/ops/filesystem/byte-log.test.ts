import { expect, it } from 'vitest';
import { Texts } from './attributes.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';

it('gives back what was written', () => {
  const log = new ByteLog();
  log.number(2 ** 53 - 1);
  log.signed(-1);
  log.text(Buffer.from('name'.repeat(100)));
  const reader = new ByteLogReader(log);
  expect([reader.number(), reader.signed(), Buffer.from(reader.text()).toString()]).toEqual([
    2 ** 53 - 1,
    -1,
    'name'.repeat(100),
  ]);
  expect(reader.at).toBe(log.length);
});

it('refuses names that would fill the memory', () => {
  const log = new ByteLog(1000);
  log.text(new Uint8Array(900));
  expect(() => log.text(new Uint8Array(200))).toThrow(/more than 1000 bytes of memory/);
});

it('refuses records of directories that would fill the memory, and takes the same ones any number of times', () => {
  const texts = new Texts();
  const large = 'x'.repeat(1024 * 1024);
  for (let i = 0; i < 1000; i++) texts.numberOf(large);
  const add = (): void => {
    for (let i = 0; i < 64; i++) texts.numberOf(large + i);
  };
  expect(add).toThrow(/Owners and extended attributes/);
});
