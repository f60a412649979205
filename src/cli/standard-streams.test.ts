import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { pushImage } from '../../test/conformance/samples.ts';
import {
  CollectedOutput,
  craneInProcess,
  type InProcessOptions,
  type InProcessResult,
} from '../../test/support/in-process.ts';
import { imageRegistry, platformImage, platformIndex } from '../../test/support/image-registry.ts';
import { dockerTarball, layeredImage, tarOf } from '../../test/support/sample-image.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { MemoryStore } from '../store/memory.ts';

const registry = imageRegistry();
let home: string;
let image: string;

beforeEach(async () => {
  home = join(await testDirectory(), 'home');
  await mkdir(home);
  image = await registry.put(await platformImage());
});

async function crane(args: readonly string[], more: Partial<InProcessOptions> = {}): Promise<InProcessResult> {
  return craneInProcess(args, { home, ...more });
}

interface BinaryResult extends InProcessResult {
  readonly bytes: Uint8Array;
}

async function succeed(args: readonly string[], input?: Uint8Array): Promise<BinaryResult> {
  const output = new CollectedOutput();
  const result = await crane(args, { input, output });
  expect(`${result.code} ${result.stderr}`).toMatch(/^0 /);
  return { ...result, bytes: output.bytes };
}

describe('an archive on standard output', () => {
  it.each([
    ['pull', ['pull']],
    ['copy', ['copy']],
  ])('of %s is that of a file, and nothing else', async (_, command) => {
    const file = join(home, 'file.tar');
    await succeed([...command, image, `docker-archive:${file}`]);
    expect((await succeed([...command, image, '-'])).bytes).toEqual(await readFile(file));
    expect((await succeed([...command, image, 'docker-archive:-'])).bytes).toEqual(await readFile(file));
    await succeed([...command, image, `oci-archive:${file}:v2`]);
    expect((await succeed([...command, image, 'oci-archive:-:v2'])).bytes).toEqual(await readFile(file));
  });

  it('has the name of the source, or the one that is given', async () => {
    const archive = await succeed(['mutate', '-l', 'a=b', image, '-t', '-']);
    expect((await succeed(['ls', '-'], archive.bytes)).stdout).toBe(`${image}\n`);
    const named = await succeed(['mutate', '-l', 'a=b', '-', '-t', 'docker-archive:-:other:v2'], archive.bytes);
    expect((await succeed(['ls', '-'], named.bytes)).stdout).toBe('other:v2\n');
    const layout = await succeed(['copy', 'docker-archive:-:other:v2', 'oci-archive:-:v3'], named.bytes);
    expect((await succeed(['ls', 'oci-archive:-'], layout.bytes)).stdout).toBe('v3\n');
    const nameless = await succeed(['copy', '-', '-'], layout.bytes);
    expect((await succeed(['digest', '-'], nameless.bytes)).stdout).toMatch(/^sha256:/);
  });

  it('is written though nothing changed', async () => {
    const { bytes } = await succeed(['copy', image, '-']);
    const edited = await succeed(['edit', 'config', image, '-t', '-'], await configOf(image));
    expect((await succeed(['digest', '-'], edited.bytes)).stdout).toBe((await succeed(['digest', '-'], bytes)).stdout);
  });

  it('has all images of an index in an OCI archive, and one in a docker archive', async () => {
    const index = await registry.put(await platformIndex('linux/amd64', 'linux/arm64'), 'index');
    const layout = await succeed(['copy', index, 'oci-archive:-']);
    expect((await succeed(['digest', '-'], layout.bytes)).stdout).toBe((await succeed(['digest', index])).stdout);
    const single = await succeed(['copy', '--platform', 'linux/arm64', index, '-']);
    expect((await succeed(['config', '-'], single.bytes)).stdout).toContain('arm64');
  });

  it.each([
    ['copy', 'IMAGE', '-'],
    ['copy', 'IMAGE', 'oci-archive:-'],
    ['copy', '-a', 'IMAGE', 'docker-archive:-'],
    ['pull', 'IMAGE', '-'],
    ['mutate', 'IMAGE', '-o', '-'],
    ['mutate', 'IMAGE', '-t', 'docker-archive:-:x'],
    ['push', 'docker-archive:x.tar', '-'],
  ])('is not shown on a terminal: %s %s %s', async (...words) => {
    const args = words.map((word) => (word === 'IMAGE' ? image.replace(words[1] === '-a' ? ':v1' : '', '') : word));
    registry.requests.length = 0;
    const { code, stdout, stderr } = await crane(args, { interactive: true });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('cannot be shown on the terminal') as string,
    });
    expect(stderr).toContain('Redirect standard output');
    expect(registry.requests).toEqual([]);
  });
});

describe('standard input', () => {
  it('is one archive, however many arguments name it', async () => {
    const { bytes } = await archiveOf('old', 'new');
    const copied = await succeed(
      ['pull', 'docker-archive:-:app:old', 'docker-archive:-:app:new', join(home, 'both.tar')],
      bytes,
    );
    expect(copied.stderr).toBe('');
    expect((await succeed(['ls', `docker-archive:${join(home, 'both.tar')}`])).stdout).toBe('app:new\napp:old\n');
  });

  it.each<[what: string, args: readonly string[]]>([
    ['a layer', ['append', '-b', '-', '-f', '-', '-t', 'docker-archive:-']],
    ['a layer', ['mutate', '-', '--append', '-', '-o', '-']],
    ['the new config', ['edit', 'config', '-', '-t', '-']],
    ['the new content', ['edit', 'fs', '-', '-f', '/etc/motd', '-t', '-']],
  ])('cannot be an archive and %s', async (what, args) => {
    const { bytes } = await archiveOf('v1');
    const { code, stdout, stderr } = await crane(args, { input: bytes });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`is an archive of images already, and cannot be ${what}, too`);
  });

  it('is asked for where it is a terminal', async () => {
    const { code, stderr } = await crane(['digest', '-'], { interactive: true });
    expect([code, stderr]).toEqual([1, expect.stringContaining('there is no archive on standard input')]);
    expect(stderr).toContain('Pipe one in');
  });

  it.each<[content: string, bytes: () => Uint8Array, says: string]>([
    ['nothing', () => new Uint8Array(0), 'empty'],
    ['no archive', () => Buffer.from('no archive'), 'not a tar archive'],
    ['an archive of something else', () => tarOf({ a: 'b' }), 'holds no image'],
    ['half an archive', () => dockerTarball({ a: layeredImage('a') }).subarray(0, 2000), 'holds no image'],
  ])('that is %s is refused by name', async (_, bytes, says) => {
    for (const args of [
      ['digest', '-'],
      ['copy', '-', image],
      ['push', '-', image],
    ]) {
      const { code, stderr } = await crane(args, { input: bytes() });
      expect(code).toBe(1);
      expect(stderr).toContain('standard input');
      expect(stderr).toContain(says);
    }
  });
});

describe('several images', () => {
  it('are pulled into one archive of either kind, and each is found by its name', async () => {
    const second = await registry.put(await platformImage('linux/arm64'), 'v1', 'second');
    for (const kind of ['oci-archive', 'docker-archive']) {
      const archive = `${kind}:${join(home, kind)}`;
      await succeed(['pull', image, second, archive]);
      for (const name of [image, second]) {
        expect((await succeed(['config', `${archive}:${name}`])).stdout, archive).toBe(
          (await succeed(['config', name])).stdout,
        );
      }
      expect((await crane(['digest', archive])).stderr).toMatch(/2 (?:images|entries)/);
    }
  });

  it('are pushed all at once, to a repository or another archive', async () => {
    const file = join(home, 'all.tar');
    await writeFile(file, (await archiveOf('v1', 'v2')).bytes);
    await succeed(['push', '-a', file, `${registry.host}/pushed`]);
    expect((await succeed(['ls', `${registry.host}/pushed`])).stdout).toBe('v1\nv2\n');
    await succeed(['push', '--all-tags', '-', `oci:${join(home, 'layout')}`], await readFile(file));
    expect((await succeed(['ls', `oci:${join(home, 'layout')}`])).stdout).toBe('v1\nv2\n');
    expect((await succeed(['push', '-a', file, '-'])).bytes).toHaveLength((await readFile(file)).length);
  });

  it.each<[args: readonly string[], says: string]>([
    [['pull', 'a', 'b', 'oci-archive:x.tar:v1'], 'names one image, and there are 2'],
    [['pull', 'a', 'b', 'docker-daemon:x'], 'names one image, and there are 2'],
    [['pull', 'a', '-', '--format', 'oci'], 'a layout is a directory'],
    [['pull', 'a', 'docker-archive:x.tar', '--format', 'oci'], '--format oci does not go with'],
    [['pull', 'a', 'oci:x', '--format', 'legacy'], '--format legacy does not go with'],
    [['pull', 'a', `oci:x@sha256:${'0'.repeat(64)}`], 'which a digest cannot say'],
    [['push', '-a', '--index', '-', 'b'], '[all-tags index]'],
  ])('are refused where there is no place for them: %s', async (args, says) => {
    const { code, stderr } = await crane(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(says)]);
  });
});

async function archiveOf(...tags: readonly string[]): Promise<BinaryResult> {
  for (const tag of tags) {
    const store = new MemoryStore();
    const sample = layeredImage(tag);
    await pushImage(store, sample);
    await registry.put({ store, root: sample.target }, tag, 'app/many');
  }
  return succeed(['copy', '-a', '--include', tags.join(','), `${registry.host}/app/many`, 'docker-archive:-:app']);
}

async function configOf(name: string): Promise<Uint8Array> {
  return (await succeed(['config', name])).bytes;
}
