import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { craneProgram } from '../src/cli/crane-program.ts';
import type { CommandEntry } from '../src/cli/framework/command.ts';
import { commandsOf, loadCommand } from '../src/cli/framework/program.ts';
import { gcraneProgram } from '../src/cli/gcrane-program.ts';
import type { Globals } from '../src/cli/globals.ts';
import type { Session } from '../src/cli/session.ts';
import { rawConfigOf, rawManifestOf } from '../src/ops/read.ts';
import { imageRegistry, platformImage, platformIndex } from './support/image-registry.ts';
import { craneInProcess, gcraneInProcess, type InProcessResult } from './support/in-process.ts';
import { projectRoot } from './support/paths.ts';
import { tarOf } from './support/sample-image.ts';
import { testDirectory } from './support/test-directory.ts';

const registry = imageRegistry();

/** Where a command finds what it works on. */
interface Surroundings {
  readonly image: string;
  readonly index: string;
  /** A tag that is not there. */
  readonly target: string;
  readonly layout: string;
  readonly directory: string;
  /** A tar archive with one file. */
  readonly layer: string;
}

interface Call {
  readonly args: readonly string[];
  readonly input?: string | Uint8Array | undefined;
}

/** A call of every command that has `--json`, which is put behind the name of the command. */
const calls: Readonly<Record<string, (around: Surroundings) => Call | Promise<Call>>> = {
  'crane append': ({ image, layer, target }) => ({ args: ['-b', image, '-f', layer, '-t', target] }),
  'crane auth explain': ({ image }) => ({ args: [image.replace(/:v1$/, '')] }),
  'crane base': ({ image }) => ({ args: ['--base', image, image] }),
  'crane catalog': () => ({ args: [registry.host] }),
  'crane convert': ({ image, target }) => ({ args: ['--to', 'docker', image, '-t', target] }),
  'crane copy': ({ index, target }) => ({ args: [index, target] }),
  'crane delete': ({ image }) => ({ args: [image] }),
  'crane digest': ({ index }) => ({ args: ['--platform', 'linux/arm64', index] }),
  'crane edit config': async ({ image, target }) => ({
    args: [image, '-t', target],
    input: await rawConfigOf(await registry.get()),
  }),
  'crane edit fs': ({ image, target }) => ({ args: [image, '-t', target, '-f', '/etc/motd'], input: 'hello' }),
  'crane edit manifest': async ({ image, target }) => ({
    args: [image, '-t', target],
    input: await rawManifestOf(await registry.get()),
  }),
  'crane flatten': ({ image, target }) => ({ args: [image, '-t', target] }),
  'crane index append': ({ index, image, target }) => ({ args: [index, image, '-t', target] }),
  'crane index filter': ({ index, target }) => ({ args: [index, '--platform', 'linux/arm64', '-t', target] }),
  'crane index list': ({ index }) => ({ args: [index] }),
  'crane index remove': ({ index, target }) => ({ args: [index, 'linux/arm64', '-t', target] }),
  'crane inspect': ({ index }) => ({ args: [index] }),
  'crane layout gc': ({ layout }) => ({ args: [layout] }),
  'crane ls': ({ layout }) => ({ args: ['--sort', 'created', `oci:${layout}`] }),
  'crane mutate': ({ image, target }) => ({ args: [image, '-l', 'a=b', '-t', target] }),
  'crane pull': ({ image, directory }) => ({ args: [image, join(directory, 'image.tar')] }),
  'crane push': ({ layout, target }) => ({ args: [`oci:${layout}:v1`, target] }),
  'crane rebase': ({ image, target }) => ({ args: [image, '--old_base', image, '--new_base', image, '-t', target] }),
  'crane recompress': ({ image, target }) => ({ args: [image, '--compression', 'none', '-t', target] }),
  'crane tag': ({ image }) => ({ args: [image, 'v2'] }),
  'crane validate': ({ index }) => ({ args: [index] }),
  'crane version': () => ({ args: [] }),
  'gcrane ls': ({ image }) => ({ args: [image.replace(/:v1$/, '')] }),
};

/** They print a line for each of many. */
const lineByLine: ReadonlySet<string> = new Set(['crane validate', 'gcrane ls']);

/** What they print is described elsewhere. */
const describedElsewhere: ReadonlySet<string> = new Set(['crane index list', 'crane inspect']);

const own = await commandsWithJson(craneProgram.name, commandsOf(craneProgram));
const others = (await commandsWithJson(gcraneProgram.name, gcraneProgram.commands)).filter(
  (name) => name === 'gcrane ls' || !own.includes(name.replace(/^g/, '')),
);
const commands = [...own, ...others].toSorted();
const page = readFileSync(join(projectRoot, 'docs/json-output.md'), 'utf8');

describe('docs/json-output.md', () => {
  it('has a heading for each command with --json and no other', () => {
    const headings = page.split('\n').filter((line) => line.startsWith('### '));
    const named = headings.flatMap((line) => Array.from(line.matchAll(/`([^`]+)`/g), ([, name = '']) => name));
    expect(named.toSorted()).toEqual(commands);
  });
});

describe('the calls of this test', () => {
  it('are of all commands with --json', () => {
    expect(Object.keys(calls).toSorted()).toEqual(commands);
  });
});

describe.each(commands)('%s --json', (name) => {
  it('prints one JSON value, with the members that the documentation names', async () => {
    const { code, stdout, stderr } = await run(name, await surroundings());
    expect(code, stderr).toBe(0);
    const value = JSON.parse(stdout) as object;
    const indent = lineByLine.has(name) ? undefined : 2;
    expect(stdout).toBe(`${JSON.stringify(value, null, indent)}\n`);
    if (describedElsewhere.has(name)) return;
    const [first = {}] = (Array.isArray(value) ? value : [value]) as readonly object[];
    expect(Object.keys(first).length).toBeGreaterThan(0);
    const section = sectionOf(name);
    expect(Object.keys(first).filter((member) => !section.includes(`\`${member}\``))).toEqual([]);
  });
});

describe('what is told of an artifact', () => {
  it('names what was written, by its digest', async () => {
    for (const name of [
      'crane append',
      'crane copy',
      'crane edit config',
      'crane flatten',
      'crane mutate',
      'crane push',
    ]) {
      const around = await surroundings();
      const { stdout } = await run(name, around);
      const { root } = await registry.get('target');
      const { digest, mediaType, size } = root;
      expect(JSON.parse(stdout), name).toMatchObject({
        reference: `${registry.host}/app@${digest}`,
        digest,
        mediaType,
        size,
      });
    }
  });

  it('is told where nothing had to be written, too', async () => {
    const { image } = await surroundings();
    const { root } = await registry.get();
    const told = { reference: `${registry.host}/app@${root.digest}`, digest: root.digest };
    for (const args of [
      ['rebase', '--json', image, '--old_base', image, '--new_base', image],
      ['edit', 'manifest', '--json', image],
    ]) {
      const { stdout } = await crane(args, await rawManifestOf(await registry.get()));
      expect(JSON.parse(stdout), args.join(' ')).toMatchObject(told);
    }
  });

  it('is the image that a tarball has, of an index', async () => {
    const { index, directory } = await surroundings();
    const arm = JSON.parse((await crane(['digest', '--json', '--platform', 'linux/arm64', index])).stdout) as object;
    const args = ['--json', '--platform', 'linux/arm64', index];
    expect(JSON.parse((await crane(['pull', ...args, join(directory, 'arm.tar')])).stdout)).toEqual([
      { source: index, ...arm },
    ]);
    const { stdout } = await crane(['copy', ...args, `docker-archive:${directory}/copy.tar:app:v1`]);
    const { digest } = arm as { readonly digest: string };
    expect(JSON.parse(stdout)).toMatchObject({ digest, reference: `docker-archive:${directory}/copy.tar@${digest}` });
  });

  it('is named by its kind and digest in an archive, however that was named', async () => {
    const { image, directory } = await surroundings();
    for (const kind of ['docker-archive', 'oci-archive']) {
      const path = join(directory, `${kind}.tar`);
      await crane(['copy', image, `${kind}:${path}:v1`]);
      const referenceOf = async (args: readonly string[], input?: Uint8Array): Promise<unknown> => {
        const value = JSON.parse((await crane(args, input)).stdout) as { reference: string } | [{ reference: string }];
        return (Array.isArray(value) ? value[0] : value).reference;
      };
      const [, digest = ''] = String(await referenceOf(['digest', '--json', `${kind}:${path}`])).split('@');
      expect(await referenceOf(['digest', '--json', '--tarball', path])).toBe(`${kind}:${path}@${digest}`);
      const bytes = await readFile(path);
      for (const name of ['-', `${kind}:-`]) {
        expect(await referenceOf(['digest', '--json', name], bytes)).toBe(`${kind}:-@${digest}`);
      }
      const pulled = ['pull', '--json', '-', join(directory, `${kind}-pulled.tar`)];
      expect(await referenceOf(pulled, bytes)).toBe(`${kind}:-@${digest}`);
    }
  });
});

describe('crane copy --json', () => {
  it('says what the target was before, in a dry run, too', async () => {
    const { image, index, target } = await surroundings();
    const was = (await registry.get()).root.digest;
    const copied = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await crane(['copy', '--json', ...args])).stdout);
    expect(await copied('--dry-run', image, target)).toMatchObject({
      source: image,
      target,
      status: 'new',
      digest: was,
    });
    await expect(registry.get('target')).rejects.toThrow();
    expect(await copied(image, target)).toMatchObject({ status: 'new', blobs: 0 });
    expect(await copied('--no-clobber', image, target)).toMatchObject({ status: 'same' });
    expect(await copied(index, target)).toMatchObject({ status: 'changed', was });
  });

  it('has with --all-tags an object for each tag, and with --keep-going those that failed', async () => {
    await surroundings();
    await registry.putAlone(await platformImage('linux/s390x'), 'broken');
    const { code, stdout } = await crane([
      'copy',
      '--json',
      '--all-tags',
      '--keep-going',
      `${registry.host}/app`,
      `${registry.host}/copy`,
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { source: `${registry.host}/app:broken`, status: 'failed', error: expect.any(String) as string },
      { target: `${registry.host}/copy:index`, status: 'new' },
      {
        target: `${registry.host}/copy:v1`,
        status: 'new',
        reference: expect.stringContaining('/copy@sha256:') as string,
      },
    ]);
  });
});

describe('an index that is a layout as a whole', () => {
  it('is told with its entries, changed or not', async () => {
    const { layout } = await surroundings();
    const told = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await crane(['index', ...args])).stdout);
    const changed = await told('append', '--json', `oci:${layout}`, `oci:${layout}:v1`);
    expect(changed).toEqual({ reference: `oci:${layout}`, manifests: await told('list', '--json', `oci:${layout}`) });
    expect(await told('append', '--json', `oci:${layout}`, `oci:${layout}:v1`)).toEqual(changed);
  });
});

describe('crane rebase --dry-run --json', () => {
  it('prints what would become of each image', async () => {
    const { index } = await surroundings();
    const { stdout } = await crane(['rebase', '--json', '--dry-run', index, '--old_base', index, '--new_base', index]);
    const members = ['platform', 'status', 'before', 'after', 'oldBase', 'newBase', 'removed', 'added', 'kept'];
    const told = JSON.parse(stdout) as { readonly images: readonly object[] };
    expect(told).toMatchObject({ target: index, status: 'same' });
    expect(told.images.map((image) => Object.keys(image))).toEqual([members, members]);
  });
});

describe('JSON and an archive', () => {
  it.each(['pull --json IMAGE -', 'copy --json IMAGE -', 'mutate --json IMAGE -o -', 'export --json IMAGE -'])(
    'cannot both go to standard output: crane %s',
    async (line) => {
      const { image } = await surroundings();
      const { code, stdout, stderr } = await crane(line.replace('IMAGE', image).split(' '));
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/with --json the archive has to go to a file|unknown flag: --json/);
    },
  );
});

async function commandsWithJson(
  prefix: string,
  entries: readonly CommandEntry<Session, Globals>[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of entries) {
    const name = `${prefix} ${entry.name}`;
    const command = await loadCommand([entry]);
    if (command?.flags !== undefined && Object.hasOwn(command.flags, 'json')) found.push(name);
    found.push(...(await commandsWithJson(name, entry.subcommands ?? [])));
  }
  return found;
}

/** From the heading of a command to the next one. */
function sectionOf(name: string): string {
  return page.split(/^(?=#{2,3} )/m).find((section) => section.split('\n')[0]?.includes(`\`${name}\``)) ?? '';
}

async function surroundings(): Promise<Surroundings> {
  const directory = await testDirectory();
  const [image, index] = [
    await registry.put(await platformImage()),
    await registry.put(await platformIndex('linux/amd64', 'linux/arm64'), 'index'),
  ];
  const [layout, layer] = [join(directory, 'layout'), join(directory, 'layer.tar')];
  await writeFile(layer, tarOf({ 'etc/motd': 'hello' }));
  await crane(['copy', image, `oci:${layout}:v1`]);
  return { image, index, target: `${registry.host}/app:target`, layout, directory, layer };
}

async function run(name: string, around: Surroundings): Promise<InProcessResult> {
  const { args, input } = (await calls[name]?.(around)) ?? { args: [] };
  const [program, ...path] = name.split(' ');
  const all = [...path, '--json', ...args];
  return program === 'gcrane' ? gcraneInProcess(all, { home: around.directory }) : crane(all, input);
}

async function crane(args: readonly string[], input: string | Uint8Array = ''): Promise<InProcessResult> {
  return craneInProcess(args, { home: await testDirectory(), input });
}
