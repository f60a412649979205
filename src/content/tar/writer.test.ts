import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { collect } from '../bytes.ts';
import { encodeTarHeader, type TarFields } from './encode-header.ts';
import { TarReader } from './reader.ts';
import { writeTar } from './writer.ts';

describe('a header that fits ustar', () => {
  it('has the bytes that Go writes', () => {
    const header = Buffer.from(encodeTarHeader({ name: 'manifest.json', mode: 0o644, size: 300 }));
    expect(header.length).toBe(512);
    expect(header.subarray(0, 14).toString('latin1')).toBe('manifest.json\0');
    expect(header.subarray(100, 157).toString('latin1')).toBe(
      '0000644\x000000000\x000000000\x0000000000454\x0000000000000\x00011711\0 0',
    );
    expect(header.subarray(257, 345).toString('latin1')).toBe(`ustar\x0000${'\0'.repeat(64)}0000000\x000000000\0`);
    expect(header.subarray(345).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    [`${'d'.repeat(100)}/${'f'.repeat(100)}`, 1],
    [`${'d'.repeat(50)}/${'f'.repeat(50)}/`, 1],
    [`${'d'.repeat(156)}/f`, 3],
    [`d/${'f'.repeat(101)}`, 3],
    ['x'.repeat(100), 1],
    ['x'.repeat(101), 3],
  ])('splits the long name %s', async (name, blocks) => {
    const encoded = encodeTarHeader({ name });
    expect(encoded.length / 512).toBe(blocks);
    for await (const { header } of new TarReader(encoded)) expect(header.name).toBe(name);
  });
});

it.each<readonly [string, TarFields, Record<string, string>]>([
  ['a name that is not ASCII', { name: 'dir/ä' }, { path: 'dir/ä' }],
  ['a large file', { name: 'a', size: 8 * 1024 ** 3 }, { size: String(8 * 1024 ** 3) }],
  ['a large owner', { name: 'a', uid: 3_000_000 }, { uid: '3000000' }],
  ['a time before 1970', { name: 'a', mtime: { seconds: -1, nanoseconds: 0 } }, { mtime: '-1' }],
  [
    'records',
    {
      name: 'a',
      pax: new Map([
        ['SCHILY.xattr.b', '2'],
        ['SCHILY.xattr.a', '1'],
      ]),
    },
    { 'SCHILY.xattr.a': '1', 'SCHILY.xattr.b': '2' },
  ],
])('writes PAX records for %s, named as Go names them', async (_, fields, records) => {
  const encoded = Buffer.from(encodeTarHeader(fields));
  const name = encoded.subarray(0, encoded.indexOf(0)).toString();
  expect(name).toBe(fields.name.includes('/') ? 'dir/PaxHeaders.0' : 'PaxHeaders.0/a');
  for await (const { header } of new TarReader(Buffer.concat([encoded]))) {
    expect(Object.fromEntries(header.pax)).toEqual(records);
    break;
  }
});

it('rounds times unless they are asked for', async () => {
  const mtime = { seconds: 5, nanoseconds: 600_000_000 };
  for await (const { header } of new TarReader(encodeTarHeader({ name: 'a', mtime }))) {
    expect(header.mtime).toEqual({ seconds: 6, nanoseconds: 0 });
  }
  for await (const { header } of new TarReader(encodeTarHeader({ name: 'a', mtime }, { times: 'pax' }))) {
    expect(header.mtime).toEqual(mtime);
  }
});

it('ends with two zero blocks and is read by tar', async () => {
  const archive = await collect(
    writeTar([
      { header: { name: 'dir/', mode: 0o755 } },
      { header: { name: `dir/${'ü'.repeat(80)}`, size: 5, mode: 0o600 }, body: Buffer.from('hello') },
      { header: { name: 'link', type: 'symlink', linkname: 'dir' } },
    ]),
    1e6,
  );
  expect(archive.length % 512).toBe(0);
  expect(archive.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  const listing = execFileSync('tar', ['-tf', '-'], {
    input: archive,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  expect(listing.trim().split('\n')).toEqual(['dir/', `dir/${'ü'.repeat(80)}`, 'link']);
});

it.each([
  [{ name: 'a', size: 3 }, 'ab', 'has only 2'],
  [{ name: 'a', size: 3 }, 'abcd', 'has more'],
])('refuses a body of another size than %j', async (header, body, message) => {
  await expect(collect(writeTar([{ header, body: Buffer.from(body) }]), 1e6)).rejects.toThrow(message);
});

it.each<TarFields>([{ name: 'a\0b' }, { name: 'a/', type: 'file' }, { name: 'a', mode: 0o10_000_000 }])(
  'refuses what no header holds: %j',
  (fields) => {
    expect(() => encodeTarHeader(fields)).toThrow('"a');
  },
);
