import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readEntries } from '../../../test/support/layer-stack.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { decompress } from '../../content/compression.ts';
import { type FileLayerOptions, type FileWarning, layerFromFiles } from './layer-from-files.ts';

/** A capability as the kernel stores it: CAP_NET_RAW, effective and permitted. */
const capability = '0100000200200000000000000000000000000000';
let tree: string;

beforeEach(async () => {
  tree = join(await testDirectory(), 'tree');
  await mkdir(join(tree, 'dir'), { recursive: true });
});

describe.skipIf(!canSet())('extended attributes', () => {
  it('come along where they are capabilities, which only programs have', async () => {
    await program('ping');
    await program('dir/other');
    setAttribute('ping', 'security.capability', capability);
    setAttribute('ping', 'user.note', '00ff');
    expect(await recordsOf({ xattrs: 'capabilities' })).toEqual({
      'dir/': [],
      'dir/other': [],
      ping: [['SCHILY.xattr.security.capability', capability]],
    });
    expect(await recordsOf({})).toMatchObject({ ping: [] });
  });

  it('come along all, of directories, odd names and files that are named by a link', async () => {
    await program('-dash\nline');
    setAttribute('-dash\nline', 'user.note', '00ff');
    setAttribute('dir', 'user.note', '61');
    await symlink('dir', join(tree, 'link'));
    expect(await recordsOf({ xattrs: 'all' })).toEqual({
      '-dash\nline': [['SCHILY.xattr.user.note', '00ff']],
      'dir/': [['SCHILY.xattr.user.note', '61']],
      link: [],
    });
    await symlink('-dash\nline', join(tree, 'dir/to'));
    await symlink(join(tree, '-dash\nline'), join(tree, '../named'));
    expect(await recordsOf({ xattrs: 'all' }, join(tree, '../named'))).toEqual({
      named: [['SCHILY.xattr.user.note', '00ff']],
    });
  });

  it('come along with the first name of a file that has several, and for more files than are asked about at once', async () => {
    await program('a');
    execFileSync('ln', [join(tree, 'a'), join(tree, 'b')]);
    setAttribute('a', 'user.note', '61');
    for (let i = 0; i < 600; i++) await writeFile(join(tree, `dir/f${i}`), 'x', { mode: 0o755 });
    setAttribute('dir/f599', 'user.note', '62');
    const records = await recordsOf({ xattrs: 'all' });
    expect(records['a']).toEqual([['SCHILY.xattr.user.note', '61']]);
    expect(records['b']).toEqual([]);
    expect(records['dir/f599']).toEqual([['SCHILY.xattr.user.note', '62']]);
  });

  it('are missed aloud where there is no GNU tar, and refused where all are wanted', async () => {
    await program('a');
    const { PATH } = process.env;
    const warnings: FileWarning[] = [];
    try {
      process.env['PATH'] = tree;
      await recordsOf({ xattrs: 'capabilities', onWarning: (warning) => void warnings.push(warning) });
      await expect(recordsOf({ xattrs: 'all' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    } finally {
      process.env['PATH'] = PATH;
    }
    expect(warnings).toEqual([{ reason: 'xattrs', path: '' }]);
  });
});

async function program(name: string): Promise<void> {
  await writeFile(join(tree, name), name);
  await chmod(join(tree, name), 0o755);
}

/** The records of each entry, values in hexadecimal. */
async function recordsOf(
  options: FileLayerOptions,
  source: string = tree,
): Promise<Record<string, readonly (readonly [string, string])[]>> {
  await using layer = await layerFromFiles([{ source, destination: source === tree ? '/' : '/named' }], {
    directory: await testDirectory(),
    ...options,
  });
  const entries = await readEntries((await decompress(await layer.content.open(0))).stream);
  return Object.fromEntries(
    entries.map(({ header }) => [header.name, Array.from(header.pax, ([key, value]) => [key, hexOf(value)] as const)]),
  );
}

/** Of a value as `decodeText` gives it. */
function hexOf(value: string): string {
  return Array.from(value, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return (code >= 0xdc80 ? code - 0xdc00 : code).toString(16).padStart(2, '0');
  }).join('');
}

function setAttribute(name: string, key: string, hex: string): void {
  execFileSync('python3', ['-c', script, join(tree, name), key, hex]);
}

const script = 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))';

/** Only root may set capabilities, and not every file system has attributes. */
function canSet(): boolean {
  const probe = `import os, tempfile\nwith tempfile.NamedTemporaryFile() as f:\n os.setxattr(f.name, 'security.capability', bytes.fromhex('${capability}'))\n os.setxattr(f.name, 'user.a', b'a')`;
  try {
    execFileSync('python3', ['-c', probe], { stdio: 'ignore' });
    return /GNU tar/.test(execFileSync('tar', ['--version']).toString());
  } catch {
    return false;
  }
}
