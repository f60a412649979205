import { execFileSync } from 'node:child_process';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Appending, lastStep, topLayer, topNames } from '../../../test/support/appending.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { layersOf } from '../../ops/read.ts';
import { validate } from '../../ops/validate.ts';

const here = new Appending();
const tar = tarOf({ 'etc/motd': 'hello\n' });

describe('append of directories and files', () => {
  it('makes one layer of all, the same at any time', async () => {
    await here.file('site/index.html', '<p>');
    await here.file('site/sub/a', 'a');
    await here.file('bin/tool', 'tool');
    await utimes(join(here.work, 'bin/tool'), 1, 1);
    const args = ['--dir', `${here.work}/site:/srv`, '--dir', `${here.work}/bin/tool:/usr/bin/`];
    const after = await here.append(args);
    expect(await topNames(after)).toEqual([
      'srv/',
      'srv/index.html',
      'srv/sub/',
      'srv/sub/a',
      'usr/',
      'usr/bin/',
      'usr/bin/tool',
    ]);
    await utimes(join(here.work, 'site/sub/a'), 77, 77);
    expect((await here.append(args)).root.digest).toBe(after.root.digest);
    expect(await lastStep(after)).toEqual({
      created: '0001-01-01T00:00:00Z',
      created_by: `COPY ${here.work}/site /srv && COPY ${here.work}/bin/tool /usr/bin/ # crane append`,
    });
    expect(await validate(after)).toEqual([]);
  });

  it('comes on top of archives, with the stated time', async () => {
    await here.file('d/x', 'x');
    const path = await here.file('a.tgz', gzipSync(tar));
    const env = { SOURCE_DATE_EPOCH: '1700000000' };
    const after = await here.append(['--dir', `${here.work}/d`, '-f', path], { env });
    expect(await layersOf(after)).toHaveLength(2);
    expect((await topLayer(after)).map(({ header }) => [header.name, header.mtime.seconds])).toEqual([
      ['x', 1_700_000_000],
    ]);
    expect(await lastStep(after)).toMatchObject({ created: '2023-11-14T22:13:20Z' });
  });

  it('takes owner, mode and time from flags', async () => {
    await here.file('d/run', 'x');
    await here.file('d/text', 'x');
    execFileSync('chmod', ['0775', join(here.work, 'd/run'), join(here.work, 'd')]);
    execFileSync('chmod', ['0660', join(here.work, 'd/text')]);
    await utimes(join(here.work, 'd/run'), 1_600_000_000, 1_600_000_000);
    const attributes = async (...flags: readonly string[]): Promise<unknown> =>
      (await topLayer(await here.append(['--dir', `${here.work}/d:/o`, ...flags]))).map(
        ({ header: { name, uid, gid, mode } }) => `${name} ${uid}:${gid} ${mode.toString(8)}`,
      );
    expect(await attributes('--chown', '1000')).toEqual([
      'o/ 1000:1000 775',
      'o/run 1000:1000 775',
      'o/text 1000:1000 660',
    ]);
    expect(await attributes('--chown=1:2', '--chmod=u=rwX,go=rX')).toEqual([
      'o/ 1:2 755',
      'o/run 1:2 755',
      'o/text 1:2 644',
    ]);
    expect(await attributes('--chmod', 'go-w')).toEqual(['o/ 0:0 755', 'o/run 0:0 755', 'o/text 0:0 640']);
    expect(await attributes('--chmod', '4711')).toEqual(['o/ 0:0 4711', 'o/run 0:0 4711', 'o/text 0:0 4711']);
    const kept = await topLayer(await here.append(['--dir', `${here.work}/d`, '--mtime', 'keep']));
    expect(kept.find(({ header }) => header.name === 'run')?.header.mtime.seconds).toBe(1_600_000_000);
  });

  it('leaves out what .dockerignore, another file or flags say', async () => {
    for (const name of ['a.log', 'b.txt', 'sub/c.log', 'sub/d,e']) await here.file(`d/${name}`, name);
    await here.file('d/.dockerignore', '**/*.log\n!a.log\n');
    await here.file('other', 'sub\n');
    const names = async (...flags: readonly string[]): Promise<readonly string[]> =>
      topNames(await here.append(['--dir', `${here.work}/d`, ...flags]));
    expect(await names()).toEqual(['.dockerignore', 'a.log', 'b.txt', 'sub/', 'sub/d,e']);
    expect(await names('--exclude', 'sub/d,e', '--exclude', '.dockerignore')).toEqual(['a.log', 'b.txt', 'sub/']);
    expect(await names('--ignore-file', join(here.work, 'other'))).toEqual(['.dockerignore', 'a.log', 'b.txt']);
  });

  it.each([
    [['--chown', 'root'], 'invalid argument "root" for "--chown" flag'],
    [['--chmod', 'u+q'], 'invalid argument "u+q" for "--chmod" flag'],
    [['--mtime', 'then'], 'invalid argument "then" for "--mtime" flag'],
    [['--xattrs', 'some'], 'invalid argument "some" for "--xattrs" flag'],
    [['--compression', 'lzma'], 'invalid argument "lzma" for "--compression" flag'],
    [['--max-bytes', '-1'], '--max-bytes cannot be below zero'],
    [['--ignore-file', '/nowhere/x'], 'Cannot read "/nowhere/x"'],
    [['--exclude', '[a'], 'he pattern "[a" cannot be read'],
    [['--dir', '/nowhere/x'], 'here is no file or directory "/nowhere/x"'],
    [['--dir', ':/x'], 'names no file or directory'],
  ])('refuses %j', async (flags, message) => {
    expect(await here.refusal(['--dir', here.work, ...flags])).toContain(message);
  });
});
