import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeEngine } from '../../../test/support/fake-engine.ts';
import { imageRegistry, platformImage } from '../../../test/support/image-registry.ts';
import { craneInProcess, gcraneInProcess } from '../../../test/support/in-process.ts';
import { dockerTarball, layeredImage, layoutFiles, tarOf } from '../../../test/support/sample-image.ts';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';
import { type CommandEntry, isListed } from '../framework/command.ts';
import { craneCommands } from '../commands.ts';
import { gcraneProgram } from '../gcrane-program.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';

let home: TemporaryDirectory;

beforeEach(async () => {
  home = await temporaryDirectory();
});

afterEach(() => home.remove());

describe('tags', () => {
  const images = imageRegistry();

  it('are completed behind the colon, in two requests however many there are', async () => {
    const app = await withTags(3500);
    const before = images.requests.length;
    expect(await offered('digest', `${app}:3`)).toEqual(
      sortedTags(3500)
        .filter((tag) => tag.startsWith('3') && tag !== '3')
        .slice(0, 1000)
        .map((tag) => `${app}:${tag}`),
    );
    expect(images.requests.slice(before)).toEqual([
      'GET /v2/app/tags/list?n=1000',
      'GET /v2/app/tags/list?n=1000&last=3',
    ]);
  });

  it('are all offered, up to two pages, while none is typed', async () => {
    const app = await withTags(2500);
    const tags = await offered('digest', `${app}:`);
    expect(tags).toEqual(
      sortedTags(2500)
        .slice(0, 2000)
        .map((tag) => `${app}:${tag}`),
    );
  });

  it('are not offered where a digest belongs, nor for the name of a repository', async () => {
    const app = await withTags(1);
    const before = images.requests.length;
    expect(await offered('digest', `${app}@`)).toEqual([]);
    expect(await offered('digest', `${app}@sha256:`)).toEqual([]);
    expect(await offered('ls', `${app}:`)).toEqual([]);
    expect(images.requests.slice(before)).toEqual([]);
  });

  it('stand beside the image for the second argument of crane tag', async () => {
    const app = await withTags(3);
    expect(await offered('tag', `${app}:1`, '')).toEqual(['0', '1', '2']);
    expect(await offered('tag', 'oci:layout:1', '')).toEqual([]);
  });

  it('are completed for flags that name images, and behind a comma', async () => {
    const app = await withTags(2);
    const both = [`${app}:0`, `${app}:1`];
    expect(await offered('mutate', 'x', '-t', `${app}:`)).toEqual(both);
    expect(await offered('append', `--base=${app}:`)).toEqual(both);
    expect(await offered('rebase', '--old_base', `${app}:`)).toEqual(both);
    expect(await offered('index', 'append', '-m', `x,${app}:`)).toEqual(both.map((name) => `x,${name}`));
    expect(await offered('index', 'append', 'base', `${app}:`)).toEqual(both);
    expect(await offered('copy', 'source', `${app}:`)).toEqual(both);
    expect(await offered('pull', 'image', `${app}:`)).toEqual(both);
    expect(await offered('push', 'layout', `${app}:`)).toEqual(both);
    expect(await offered('validate', '--remote', `${app}:`)).toEqual(both);
    expect((await asked(gcraneInProcess, 'cp', `${app}:`)).values).toEqual(both);
  });

  it('come with the flags of the program that are typed already, and without reading a password', async () => {
    const app = await withTags(1);
    const line = ['-u', 'me', '--password-stdin', '--insecure', 'digest', `${app}:`];
    const input = new Proxy(new Uint8Array(1), { get: () => expect.fail('standard input was read') });
    const { stdout, code } = await craneInProcess(['__completeNoDesc', ...line], { home: home.path, input });
    expect({ stdout, code }).toEqual({ stdout: `${app}:0\n:4\n`, code: 0 });
  });

  async function withTags(count: number): Promise<string> {
    const image = await platformImage();
    await images.put(image, '0');
    const { store, root } = await images.get('0');
    for (let tag = 1; tag < count; tag += 1) await (store as unknown as Tags).tag(root, String(tag));
    return `${images.host}/app`;
  }
});

interface Tags {
  tag(root: object, tag: string): Promise<void>;
}

describe('repositories', () => {
  const images = imageRegistry();

  it('are completed behind the name of a registry', async () => {
    const image = await platformImage();
    for (const name of ['app', 'lib/a', 'lib/b']) await images.put(image, 'v1', name);
    const line = await asked(craneInProcess, 'ls', `${images.host}/lib/`);
    expect(line).toMatchObject({ values: [`${images.host}/lib/a`, `${images.host}/lib/b`], directive: ':4' });
  });

  it('may go on with a tag where an image is meant', async () => {
    await images.put(await platformImage());
    const line = await asked(craneInProcess, 'digest', `${images.host}/`);
    expect(line).toMatchObject({ values: [`${images.host}/app`], directive: ':6' });
  });

  it('are not asked for at Docker Hub, which has no catalog', async () => {
    for (const name of ['docker.io/', 'index.docker.io/lib', 'registry-1.docker.io/x', 'library/al', 'alp']) {
      expect(await asked(craneInProcess, 'ls', name)).toEqual(nothing);
    }
  });
});

describe('a registry that is of no help', () => {
  it('is left alone when the user waits no longer, with what it said before', async () => {
    const waiting = new AbortController();
    await using server = await scriptedServer(({ url }) => {
      if (url.searchParams.has('last')) return () => waiting.abort(new Error('enough'));
      const link = '</v2/app/tags/list?n=1000&last=v2>; rel="next"';
      return { status: 200, headers: { link }, body: JSON.stringify({ name: 'app', tags: ['v1', 'v2'] }) };
    });
    const app = `${server.registry}/app`;
    const result = await craneInProcess(['__completeNoDesc', 'digest', `${app}:`], {
      home: home.path,
      signal: waiting.signal,
    });
    expect(result).toMatchObject({ code: 0, stdout: `${app}:v1\n${app}:v2\n:4\n` });
  });

  it.each([401, 403, 404, 429, 500])(
    'gives no candidates and no error on the prompt with status %i',
    async (status) => {
      await using server = await scriptedServer(() => ({ status, headers: { 'retry-after': '3600' } }));
      for (const line of [
        ['digest', `${server.registry}/app:`],
        ['ls', `${server.registry}/`],
      ]) {
        const { values, directive, code } = await asked(craneInProcess, ...line);
        expect({ values, directive, code }).toEqual({ values: [], directive: ':4', code: 0 });
      }
    },
  );

  it('gives none when nothing listens there, or the name is none', async () => {
    const server = await scriptedServer(() => ({ status: 500 }));
    await server[Symbol.asyncDispose]();
    for (const name of [`${server.registry}/app:`, 'UPPER/case:', 'a//b:', 'host.invalid:', ':']) {
      expect((await asked(craneInProcess, 'digest', name)).values).toEqual([]);
    }
  });

  it('cannot put control characters into the line', async () => {
    const tags = ['v1', '\u001B[31mv2', 'v3\nv4'];
    await using server = await scriptedServer(() => ({ status: 200, body: JSON.stringify({ name: 'app', tags }) }));
    expect(await offered('digest', `${server.registry}/app:`)).toEqual([`${server.registry}/app:v1`]);
  });
});

describe('local content', () => {
  it('is completed behind its prefix: directories, archives, and what they hold', async () => {
    const place = await localContent();
    expect(await asked(craneInProcess, 'digest', `oci:${place}/`)).toMatchObject({
      values: [`oci:${place}/layout`, `oci:${place}/other/`, `oci:${place}/way`],
      directive: ':6',
    });
    expect(await offered('digest', `oci-archive:${place}/a`)).toEqual([`oci-archive:${place}/archive.tar`]);
    expect(await offered('digest', `oci:${place}/.h`)).toEqual([`oci:${place}/.hidden/`]);
    expect(await offered('copy', 'x', `oci:${place}/layout:`)).toEqual([
      `oci:${place}/layout:1.0`,
      `oci:${place}/layout:2.0`,
    ]);
    expect(await offered('copy', 'x', `oci:${place}/layout:2`)).toEqual([`oci:${place}/layout:2.0`]);
    expect(await offered('digest', `oci-archive:${place}/archive.tar:`)).toEqual([
      `oci-archive:${place}/archive.tar:v1`,
    ]);
    expect(await offered('digest', `docker-archive:${place}/docker.tar:`)).toEqual([
      `docker-archive:${place}/docker.tar:example.com/app:v1`,
    ]);
  });

  it('is offered only where a command takes it', async () => {
    const place = await localContent();
    expect(await offered('ls', `oci:${place}/l`)).toEqual([`oci:${place}/layout`]);
    expect(await offered('ls', `oci:${place}/layout:`)).toEqual([]);
    expect(await offered('catalog', `oci:${place}/l`)).toEqual([]);
  });

  it('is not read from standard input', async () => {
    const input = new Proxy(new Uint8Array(1), { get: () => expect.fail('standard input was read') });
    for (const word of ['docker-archive:-:', 'oci-archive:-:', '-']) {
      const words = ['__completeNoDesc', 'digest', '--', word];
      expect(await craneInProcess(words, { home: home.path, input })).toMatchObject({ code: 0, stdout: ':4\n' });
    }
  });

  it('that is not there, or is none, gives no candidates', async () => {
    const place = await localContent();
    for (const name of ['/nowhere/', '/layout/blobs:', '/plain:', '/docker.tar:']) {
      expect((await asked(craneInProcess, 'digest', `oci-archive:${place}${name}`)).values).toEqual([]);
    }
  });

  it('is completed for outputs and paths behind a prefix, and else by the shell', async () => {
    const place = await localContent();
    expect(await offered('mutate', 'x', '-o', `oci:${place}/l`)).toEqual([`oci:${place}/layout`]);
    for (const line of [
      ['push', ''],
      ['push', 'lay'],
      ['mutate', 'x', '-o', 'out'],
      ['export', 'image', 'out'],
      ['pull', 'image', 'out'],
      ['pull', 'image', ''],
    ]) {
      expect(await asked(craneInProcess, ...line)).toEqual({ ...nothing, directive: ':0' });
    }
  });

  it('is the images of the engine behind docker-daemon:', async () => {
    await using engine = await fakeEngine();
    for (const name of ['app:v1', 'app:v2', 'localhost:5000/b:1']) {
      engine.images.set(name, { image: layeredImage(name) });
    }
    const env = { DOCKER_HOST: engine.host };
    const complete = async (word: string) =>
      (await craneInProcess(['__completeNoDesc', 'digest', word], { home: home.path, env })).stdout;
    expect(await complete('docker-daemon:app')).toBe('docker-daemon:app:v1\ndocker-daemon:app:v2\n:4\n');
    expect(await complete('docker-daemon:')).toContain('docker-daemon:localhost:5000/b:1\n');
    expect(engine.requests.every((request) => request.startsWith('GET '))).toBe(true);
  });

  async function localContent(): Promise<string> {
    const place = home.file('place');
    const image = layeredImage('one');
    await writeTree(join(place, 'layout'), layoutFiles([image, ...image.blobs], { '1.0': image, '2.0': image }));
    await writeTree(join(place, 'other'), {});
    await writeTree(join(place, '.hidden'), {});
    await writeTree(place, {
      'archive.tar': tarOf(layoutFiles([image, ...image.blobs], { v1: image })),
      'docker.tar': dockerTarball({ 'example.com/app:v1': image }),
      plain: 'no archive',
      'bad\nname': '',
    });
    await symlink('layout', join(place, 'way'));
    return place;
  }
});

describe('the beginning of a word', () => {
  it('is a prefix of local content or a registry that somebody has logged in to', async () => {
    await writeTree(home.file('.docker'), {
      'config.json': JSON.stringify({
        auths: { 'registry.example:5000': { auth: 'c2VjcmV0' }, 'https://index.docker.io/v1/': {}, 'no host!': {} },
        credHelpers: { 'ghcr.io': 'never-called' },
      }),
    });
    const prefixes = ['oci:', 'oci-archive:', 'docker-archive:', 'docker-daemon:'];
    const hosts = ['ghcr.io/', 'registry.example:5000/'];
    expect(await asked(craneInProcess, 'digest', '')).toMatchObject({
      values: [...prefixes, ...hosts],
      directive: ':6',
    });
    expect(await offered('digest', 'reg')).toEqual(['registry.example:5000/']);
    expect(await offered('ls', 'oci')).toEqual(['oci:', 'oci-archive:']);
    expect(await asked(craneInProcess, 'auth', 'logout', '')).toMatchObject({
      values: ['ghcr.io', 'registry.example:5000'],
      directive: ':4',
    });
    expect(await offered('catalog', 'registry.example:5')).toEqual(['registry.example:5000']);
  });
});

describe('values of flags', () => {
  it.each<[line: readonly string[], values: readonly string[]]>([
    [
      ['digest', '--platform', 'linux/ar'],
      ['linux/arm64', 'linux/arm/v7'],
    ],
    [['copy', '--platform', 'linux/amd64,linux/am'], []],
    [['index', 'append', '--entry-platform', 'n'], ['none']],
    [['index', 'remove', 'x', 'win'], ['windows/amd64']],
    [
      ['pull', '--format', ''],
      ['tarball', 'legacy', 'oci'],
    ],
    [['recompress', '--compression', 'z'], ['zstd']],
    [
      ['convert', '--to', ''],
      ['docker', 'oci'],
    ],
    [
      ['ls', '--sort', ''],
      ['name', 'semver', 'created'],
    ],
    [['copy', '--jobs', ''], []],
    [['mutate', '--label', ''], []],
  ])('%j gives %j', async (line, values) => {
    expect((await offered(...line)).toSorted()).toEqual(values.toSorted());
  });

  it.each([
    [['--password', '']],
    [['auth', 'login', '--password', '']],
    [['copy', '--source-password', '']],
    [['copy', '--destination-password', '']],
  ])('%j gives nothing, not even files', async (line) => {
    expect(await asked(craneInProcess, ...line)).toEqual(nothing);
  });

  it('every command that takes arguments says what they may be', async () => {
    const all = [...craneCommands, ...gcraneProgram.commands];
    const silent = (await Promise.all(all.map((entry) => withoutCompletion(entry)))).flat();
    // The first two have subcommands in that place, the third a directory.
    expect(silent.filter((name) => !['index', 'edit', 'layout gc'].includes(name))).toEqual([]);
  });
});

/** Commands with arguments of which nothing is known. */
async function withoutCompletion(entry: CommandEntry<Session, Globals>, before = ''): Promise<readonly string[]> {
  const name = `${before}${entry.name}`;
  const command = (await entry.load?.())?.command;
  const silent = isListed(entry) && (command?.arguments.most ?? 0) > 0 && command?.complete === undefined;
  const children = await Promise.all((entry.subcommands ?? []).map((child) => withoutCompletion(child, `${name} `)));
  return [...(silent ? [name] : []), ...children.flat()];
}

const nothing = { values: [], directive: ':4', code: 0, stderr: '' };

async function offered(...words: readonly string[]): Promise<readonly string[]> {
  return (await asked(craneInProcess, ...words)).values;
}

/** Standard error without its last line. */
async function asked(run: typeof craneInProcess, ...words: readonly string[]) {
  const { code, stdout, stderr } = await run(['__completeNoDesc', ...words], { home: home.path });
  const lines = stdout.trimEnd().split('\n');
  return { values: lines.slice(0, -1), directive: lines.at(-1), code, stderr: stderr.replace(/.*\n$/, '') };
}

function sortedTags(count: number): readonly string[] {
  return Array.from({ length: count }, (_, tag) => String(tag)).toSorted();
}

async function writeTree(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(directory, name, '..'), { recursive: true });
    await writeFile(join(directory, name), content);
  }
}
