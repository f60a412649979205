import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { baseImage, type BaseImage, busybox } from '../support/base-image.ts';
import { type CommandResult, crane, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { type DockerEngine, dockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { extractTar, type TreeNode, treeOf } from '../support/extracted-tree.ts';
import { tarOf } from '../support/sample-image.ts';
import { describeWith, type Requirement } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Started before the tests are known, because only the attempt shows whether the system allows it.
const started = busybox.available ? await startDockerEngine() : dockerEngine;
const engine: DockerEngine | undefined = 'docker' in started ? started : undefined;
const requirements: readonly Requirement[] = 'docker' in started ? [busybox] : [busybox, started];

let work: TemporaryDirectory;

describeWith(requirements, 'A real Docker engine', () => {
  let image: BaseImage;
  let registry: CraneRegistry;
  beforeAll(async () => {
    image = await baseImage();
    work = await temporaryDirectory();
    registry = await startCraneRegistry();
    succeeded(await crane(['push', image.layout, `${registry.address}/base:1`]));
  });
  afterAll(async () => {
    await registry.stop();
    await work.remove();
    await engine?.stop();
  });

  test('loads a tarball that we pulled and runs it', async () => {
    const file = work.file('image.tar');
    const reference = `${registry.address}/base:1`;
    succeeded(await crane(['pull', reference, file]));
    expect(await docker(['load', '--input', file])).toContain(reference);
    expect(await docker(['image', 'inspect', '--format', '{{.Id}}', reference])).toBe(`${image.configDigest}\n`);
    expect(await docker(['run', '--rm', '--network', 'none', reference, 'echo', 'loaded'])).toBe('loaded\n');
    await docker(['image', 'rm', reference]);
  });

  test('loads a legacy tarball that we pulled', async () => {
    const file = work.file('legacy.tar');
    const reference = `${registry.address}/base:1`;
    succeeded(await crane(['pull', '--format', 'legacy', reference, file]));
    expect(await docker(['load', '--input', file])).toContain(reference);
    await docker(['image', 'rm', reference]);
  });

  test('pulls from our registry and runs what it pulled', async () => {
    const reference = `${registry.address}/base:1`;
    expect(await docker(['pull', reference])).toContain(image.manifestDigest);
    const run = ['run', '--rm', '--network', 'none', reference];
    expect(await docker([...run, 'echo', 'pulled'])).toBe('pulled\n');
    expect(await docker([...run, 'stat', '-c', '%a %n', '/tmp', '/root'])).toBe('1777 /tmp\n700 /root\n');
  });

  test('pushes to our registry an image that passes validation', async () => {
    const pushed = `${registry.address}/docker/pushed:1`;
    await docker(['pull', `${registry.address}/base:1`]);
    await docker(['tag', `${registry.address}/base:1`, pushed]);
    const digest = /digest: (\S+)/u.exec(await docker(['push', pushed]))?.[1];
    expect(succeeded(await crane(['digest', pushed])).stdout).toBe(`${digest}\n`);
    expect(succeeded(await crane(['validate', '--remote', pushed])).stdout).toMatch(/^PASS/u);
    expect(succeeded(await crane(['config', pushed])).stdout).toBe(image.configBytes);
  });

  test('runs a flattened image, whose file system is the same', async () => {
    const [base, flat] = ['base', 'flat'].map((name) => `${registry.address}/${name}:1`) as [string, string];
    succeeded(await crane(['flatten', base, '-t', flat]));
    expect(await docker(['run', '--rm', '--network', 'none', flat, 'echo', 'flattened'])).toBe('flattened\n');
    const trees = [base, flat].map(async (name, i) =>
      treeIn(`flat-${i}`, succeeded(await crane(['export', name])).stdoutBytes),
    );
    const [before, after] = await Promise.all(trees);
    expect(after).toEqual(before);
    await docker(['image', 'rm', flat]);
  });

  test('runs a rebased image, whose programs are those of its new base', async () => {
    const [base, old, app] = ['base', 'old', 'app'].map((name) => `${registry.address}/${name}:1`) as [
      string,
      string,
      string,
    ];
    for (const name of ['old', 'app']) await writeFile(work.file(`${name}.tar`), tarOf({ [name]: `file of ${name}` }));
    succeeded(await crane(['append', '-f', work.file('old.tar'), '-t', old]));
    succeeded(await crane(['append', '-b', old, '-f', work.file('app.tar'), '-t', app]));
    succeeded(await crane(['rebase', app, '--old_base', old, '--new_base', base]));
    expect(succeeded(await crane(['validate', '--remote', app])).stdout).toMatch(/^PASS/u);
    const run = ['run', '--rm', '--network', 'none', app, '/bin/busybox', 'sh', '-c'];
    expect(await docker([...run, 'cat /app && ls /old || echo gone'])).toBe('file of appgone\n');
    await docker(['image', 'rm', app]);
  });

  test('pulls and loads what recompress and convert make, with the same layers, and runs it', async () => {
    const base = `${registry.address}/base:1`;
    const inspect = ['image', 'inspect', '--format', '{{json .RootFS.Layers}}'];
    const { diff_ids: diffIds } = (JSON.parse(image.configBytes) as { rootfs: { diff_ids: string[] } }).rootfs;
    const variants: Readonly<Record<string, readonly string[]>> = {
      plain: ['recompress', '--compression', 'none'],
      small: ['recompress', '--compression', 'gzip', '--compression-level', '9'],
      docker: ['convert', '--to', 'docker'],
    };
    for (const [tag, args] of Object.entries(variants)) {
      const [reference, file] = [`${registry.address}/variants:${tag}`, work.file(`${tag}.tar`)];
      succeeded(await crane([...args, base, '--tag', reference]));
      expect(succeeded(await crane(['validate', reference])).stdout).toBe(`PASS: ${reference}\n`);
      await docker(['pull', reference]);
      expect(await docker(['run', '--rm', '--network', 'none', reference, 'echo', tag])).toBe(`${tag}\n`);
      expect(JSON.parse(await docker([...inspect, reference]))).toEqual(diffIds);
      await docker(['image', 'rm', reference]);
      succeeded(await crane([...args, base, '--tag', reference, '--output', file]));
      expect(await docker(['load', '--input', file])).toContain(reference);
      expect(JSON.parse(await docker([...inspect, reference]))).toEqual(diffIds);
      await docker(['image', 'rm', reference]);
    }
  });
});

async function treeIn(name: string, tar: Uint8Array): Promise<Record<string, TreeNode>> {
  extractTar(work.file(name), tar);
  return treeOf(work.file(name));
}

async function docker(args: readonly string[]): Promise<string> {
  return (await dockerResult(args)).stdout;
}

async function dockerResult(args: readonly string[]): Promise<CommandResult> {
  if (engine === undefined) throw new Error('The engine is started before the first test');
  return succeeded(await engine.docker(args));
}
