import { mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import { baseImage, busybox } from '../support/base-image.ts';
import { type Client, isolatedClient, oras, podman, skopeo } from '../support/clients.ts';
import { succeeded } from '../support/command.ts';
import { type DockerEngine, dockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { craneInProcess } from '../support/in-process.ts';
import { describeWith, type Requirement, requirement } from '../support/requirements.ts';
import { tarOf } from '../support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Every command that changes images changes a real one, and everybody has to be able to use what comes out.

/** Of a container of the result. */
interface Edit {
  readonly args: (place: Place) => readonly string[];
  readonly input?: string;
  /** What is run in it. */
  readonly script: string;
  readonly prints: string;
}

interface Place {
  readonly base: string;
  /** The base with a file more: `/etc/app`. */
  readonly app: string;
  readonly file: (name: string) => string;
}

const edits: Readonly<Record<string, Edit>> = {
  'append of an archive': {
    args: ({ base, file }) => ['append', '-b', base, '-f', file('plain.tar')],
    script: 'cat /etc/added',
    prints: 'added\n',
  },
  'append of an archive that is compressed': {
    args: ({ base, file }) => ['append', '-b', base, '-f', file('packed.tar.gz')],
    script: 'cat /etc/added',
    prints: 'added\n',
  },
  'append of a directory': {
    args: ({ base, file }) => ['append', '-b', base, '--dir', `${file('tree')}:/srv`, '--chown', '12:34'],
    script: 'cat /srv/page; stat -c %u:%g /srv/page',
    prints: 'page\n12:34\n',
  },
  'mutate of the config': {
    args: ({ base }) => ['mutate', base, '-l', 'team=web', '-e', 'GREETING=hi', '-w', '/tmp', '-a', 'note=edited'],
    script: 'echo $GREETING; pwd',
    prints: 'hi\n/tmp\n',
  },
  'mutate with a layer': {
    args: ({ base, file }) => ['mutate', base, '--append', file('plain.tar'), '-u', '12'],
    script: 'cat /etc/added; id -u',
    prints: 'added\n12\n',
  },
  rebase: {
    args: ({ base, app }) => ['rebase', app, '--old_base', base, '--new_base', `${base}-new`],
    script: 'cat /etc/app /etc/new',
    prints: 'app\nnew\n',
  },
  flatten: { args: ({ app }) => ['flatten', app], script: 'cat /etc/app', prints: 'app\n' },
  recompress: {
    args: ({ app }) => ['recompress', app, '--compression', 'none'],
    script: 'cat /etc/app',
    prints: 'app\n',
  },
  convert: { args: ({ app }) => ['convert', app, '--to', 'docker'], script: 'cat /etc/app', prints: 'app\n' },
  'index append': {
    args: ({ app, base }) => ['index', 'append', '-m', app, '-m', `${base}-arm`],
    script: 'cat /etc/app',
    prints: 'app\n',
  },
  'edit of a file': {
    args: ({ app }) => ['edit', 'fs', app, '-f', '/etc/app'],
    input: 'edited\n',
    script: 'cat /etc/app',
    prints: 'edited\n',
  },
};

const names = Object.keys(edits);
let work: TemporaryDirectory;
let registry: ListeningRegistry;

beforeAll(async () => {
  if (!busybox.available) return;
  work = await temporaryDirectory();
  registry = await listen({ storage: memoryStorage() });
  const added = tarOf({ 'etc/added': 'added\n' });
  await writeFile(work.file('plain.tar'), added);
  await writeFile(work.file('packed.tar.gz'), gzipSync(added));
  await writeFile(work.file('app.tar'), tarOf({ 'etc/app': 'app\n' }));
  await writeFile(work.file('new.tar'), tarOf({ 'etc/new': 'new\n' }));
  await mkdir(work.file('tree'));
  await writeFile(work.file('tree/page'), 'page\n');
  const { base, app, file } = place();
  await crane(['push', (await baseImage()).layout, base]);
  await crane(['append', '-b', base, '-f', file('app.tar'), '-t', app]);
  await crane(['append', '-b', base, '-f', file('new.tar'), '-t', `${base}-new`]);
  await crane(['mutate', base, '--set-platform', 'linux/arm64', '-t', `${base}-arm`]);
  for (const name of names) {
    const { args, input } = edits[name] as Edit;
    await crane([...args(place()), '-t', referenceOf(name)], input);
  }
});

afterAll(async () => {
  await registry?.close();
  await work?.remove();
});

describeWith([busybox], 'What commands that change images make', () => {
  test.each(names)('passes validation: %s', async (name) => {
    expect(await crane(['validate', '--remote', referenceOf(name)])).toMatch(/^PASS/u);
  });
});

// Started before the tests are known, because only the attempt shows whether the system allows it.
const started = busybox.available ? await startDockerEngine() : dockerEngine;
const engine: DockerEngine | undefined = 'docker' in started ? started : undefined;
const engineNeeds: readonly Requirement[] = 'docker' in started ? [busybox] : [busybox, started];

describeWith(engineNeeds, 'What commands that change images make, in a real Docker engine', () => {
  afterAll(() => engine?.stop());

  test.each(names)('is pulled and runs: %s', { timeout: 60_000 }, async (name) => {
    const { script, prints } = edits[name] as Edit;
    const reference = referenceOf(name);
    await docker(['pull', reference]);
    expect(await docker(['run', '--rm', '--network', 'none', reference, 'sh', '-c', script])).toBe(prints);
    await docker(['image', 'rm', reference]);
  });

  test.each(names)('is loaded from a tarball and runs: %s', { timeout: 60_000 }, async (name) => {
    const { script, prints } = edits[name] as Edit;
    const file = work.file('load.tar');
    await crane(['pull', '--platform', 'linux/amd64', referenceOf(name), file]);
    expect(await docker(['load', '--input', file])).toContain(referenceOf(name));
    const run = ['run', '--rm', '--network', 'none', referenceOf(name), 'sh', '-c'];
    expect(await docker([...run, script])).toBe(prints);
    await docker(['image', 'rm', referenceOf(name)]);
  });
});

/** Its older versions leave `artifactType` out of the entries of an index, and can so not keep the digest. */
const forSkopeo = names.filter((name) => name !== 'index append');

describeWith([busybox, skopeo], 'What commands that change images make, with skopeo', () => {
  const client = useClient(skopeo);

  test.each(forSkopeo)('keeps its digest when it is copied: %s', async (name) => {
    const copied = referenceOf(name).replace('/edited/', '/skopeo/');
    const flags = ['--insecure-policy', 'copy', '--all', '--preserve-digests', '--src-tls-verify=false'];
    await client().run([...flags, '--dest-tls-verify=false', `docker://${referenceOf(name)}`, `docker://${copied}`]);
    expect(await crane(['digest', copied])).toBe(await crane(['digest', referenceOf(name)]));
  });
});

describeWith([busybox, podman], 'What commands that change images make, with podman', () => {
  const client = useClient(podman);

  test.each(names)('is unpacked into its storage: %s', { timeout: 60_000 }, async (name) => {
    await client().run(['pull', '--tls-verify=false', referenceOf(name)]);
    const { stdout } = await client().run(['image', 'inspect', '--format', '{{.Id}}', referenceOf(name)]);
    expect(stdout.trim()).toMatch(/^[0-9a-f]{64}$/u);
    await client().run(['image', 'rm', referenceOf(name)]);
  });
});

describeWith([busybox, oras], 'What commands that change images make, with oras', () => {
  const client = useClient(oras);

  test.each(names)('keeps its digest when it is copied: %s', async (name) => {
    const layout = `${client().directory.file('layout')}:${tagOf(name)}`;
    await client().run(['cp', '--from-plain-http', referenceOf(name), '--to-oci-layout', layout]);
    const { stdout } = await client().run(['resolve', '--oci-layout', layout]);
    expect(stdout).toBe(await crane(['digest', referenceOf(name)]));
  });
});

const umoci = requirement('umoci');
const unpacking: Requirement = process.getuid?.() === 0 ? umoci : { ...umoci, available: false, reason: 'needs root' };
/** It knows OCI media types only, and no indexes of several platforms. */
const forUmoci = names.filter((name) => name !== 'convert' && name !== 'index append');

describeWith([busybox, unpacking], 'What commands that change images make, with umoci', () => {
  const client = useClient(umoci);

  test.each(forUmoci)('is unpacked: %s', { timeout: 60_000 }, async (name) => {
    const layout = client().directory.file('layout');
    await crane(['copy', referenceOf(name), `oci:${layout}:${tagOf(name)}`]);
    await client().run(['unpack', '--image', `${layout}:${tagOf(name)}`, client().directory.file(tagOf(name))]);
  });
});

function place(): Place {
  const host = `127.0.0.1:${registry.port}`;
  return { base: `${host}/images/base:1`, app: `${host}/images/app:1`, file: (name) => work.file(name) };
}

function tagOf(name: string): string {
  return name.replaceAll(' ', '-');
}

function referenceOf(name: string): string {
  return `127.0.0.1:${registry.port}/edited/${tagOf(name)}:1`;
}

/** What a command line prints when it succeeds. */
async function crane(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await craneInProcess(args, { home: work.path, input });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function docker(args: readonly string[]): Promise<string> {
  if (engine === undefined) throw new Error('The engine is started before the first test');
  return succeeded(await engine.docker(args)).stdout;
}

/** A client for the tests of one group. */
function useClient(program: Requirement): () => Client {
  let client: Client | undefined;
  beforeAll(async () => {
    client = await isolatedClient(program);
  });
  afterAll(() => client?.remove());
  return () => {
    if (client === undefined) throw new Error('The client is made before the first test');
    return client;
  };
}
