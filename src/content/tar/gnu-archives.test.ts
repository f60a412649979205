import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { list, passThrough, paxBlock, sha } from '../../../test/support/tar-archives.ts';
import { encodeTarHeader } from './encode-header.ts';
import { tarTrailer } from './writer.ts';

let root: string;
let tree: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tar-reader-'));
  tree = join(root, 'tree');
  await mkdir(join(tree, 'directory'), { recursive: true });
  await writeFile(join(tree, 'directory/small'), 'small file');
  await writeFile(join(tree, 'empty'), '');
  await writeFile(join(tree, `prefix-${'p'.repeat(60)}`), 'x'.repeat(1000));
  await symlink('directory/small', join(tree, 'link'));
  execFileSync('ln', [join(tree, 'empty'), join(tree, 'hard')]);
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

// Other systems' tar has other options.
const isGnu = execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU tar');

describe.skipIf(!isGnu)('archives made by GNU tar', () => {
  it.each(['v7', 'ustar', 'oldgnu', 'gnu', 'pax'])(
    'are passed through byte for byte in the format %s',
    async (format) => {
      const archive = gnuTar(`--format=${format}`, '.');
      expect(sha(await passThrough(archive))).toBe(sha(archive));
      const entries = await list(archive);
      const small = entries.find(({ header }) => header.name === './directory/small');
      expect(small?.text).toBe('small file');
      expect(small?.header.mtime.seconds).toBeGreaterThan(1_500_000_000);
      expect(entries.find(({ header }) => header.name === './link')?.header).toMatchObject({
        type: 'symlink',
        linkname: 'directory/small',
        size: 0,
      });
      expect(entries.filter(({ header }) => header.type === 'hardlink')).toHaveLength(1);
      expect(entries.find(({ header }) => header.name === './directory/')?.header.type).toBe('directory');
    },
  );

  it.each(['gnu', 'pax'])('keep long and non-ASCII names in the format %s', async (format) => {
    const directory = join(tree, '..', `long-${format}`, 'd'.repeat(90), 'ä'.repeat(90));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'f'), 'deep');
    await symlink(`target/${'t'.repeat(200)}`, join(directory, 'l'));
    const archive = gnuTar(`--format=${format}`, '-C', join(root, `long-${format}`), '.');
    const entries = await list(archive);
    expect(entries.map(({ header }) => header.name)).toContain(`./${'d'.repeat(90)}/${'ä'.repeat(90)}/f`);
    expect(entries.find(({ header }) => header.type === 'symlink')?.header.linkname).toBe(`target/${'t'.repeat(200)}`);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it.each([
    '--format=gnu',
    '--format=pax --sparse-version=0.0',
    '--format=pax --sparse-version=0.1',
    '--format=pax --sparse-version=1.0',
  ])('keep sparse files with many holes: %s', async (flags) => {
    const holes = join(root, 'holes');
    await mkdir(holes, { recursive: true });
    await writeFile(join(holes, 'sparse'), '');
    await truncate(join(holes, 'sparse'), 64 * 1024 * 1024);
    for (let i = 0; i < 30; i++) {
      execFileSync(
        'dd',
        ['if=/dev/zero', `of=${join(holes, 'sparse')}`, 'bs=4096', 'count=1', 'conv=notrunc', `seek=${i * 100}`],
        { stdio: 'ignore' },
      );
    }
    const archive = gnuTar(...flags.split(' '), '--sparse', '-C', holes, 'sparse');
    expect(archive.length).toBeLessThan(1024 * 1024);
    const [entry] = await list(archive);
    expect(entry?.header.name).toBe('sparse');
    expect(entry?.header.sparse?.realSize).toBe(64 * 1024 * 1024);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });

  it('give times with their fraction, numbers in base 256 and PAX records of any kind', async () => {
    await writeFile(join(root, 'one'), '1');
    const pax = await list(
      gnuTar(
        '--format=pax',
        '--mtime=2001-02-03T04:05:06.123456789Z',
        '--pax-option=SCHILY.xattr.user.note:=value,exthdr.name=%d/P/%f',
        '-C',
        root,
        'one',
      ),
    );
    expect(pax[0]?.header.mtime).toEqual({ seconds: 981_173_106, nanoseconds: 123_456_789 });
    expect(pax[0]?.header.pax.get('SCHILY.xattr.user.note')).toBe('value');
    const gnu = await list(
      gnuTar('--format=gnu', '--owner=x:3000000', '--mtime=1901-01-01T00:00:00Z', '-C', root, 'one'),
    );
    expect(gnu[0]?.header).toMatchObject({ uid: 3_000_000, uname: 'x', mtime: { seconds: -2_177_452_800 } });
  });

  it('apply global PAX records to all entries until they are taken back', async () => {
    const archive = Buffer.concat([
      paxBlock('g', { comment: 'all', gid: '77' }),
      encodeTarHeader({ name: 'a' }),
      paxBlock('x', { gid: '' }),
      encodeTarHeader({ name: 'b', gid: 5 }),
      tarTrailer,
    ]);
    const entries = await list(archive);
    expect(entries.map(({ header }) => [header.gid, header.pax.get('comment')])).toEqual([
      [77, 'all'],
      [5, 'all'],
    ]);
    expect(sha(await passThrough(archive))).toBe(sha(archive));
  });
});

function gnuTar(...args: readonly string[]): Buffer {
  const place = args.includes('-C') ? [] : ['-C', tree];
  return execFileSync('tar', ['-c', '-f', '-', '--sort=name', ...place, ...args], { maxBuffer: 64 * 1024 * 1024 });
}
