import { afterAll, beforeAll, expect, test } from 'vitest';
import { baseImage, type BaseImage, busybox } from '../support/base-image.ts';
import { crane, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { type DockerEngine, dockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { describeWith, type Requirement } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Started before the tests are known, because only the attempt shows whether the system allows it.
const started = busybox.available ? await startDockerEngine() : dockerEngine;
const engine: DockerEngine | undefined = 'docker' in started ? started : undefined;
const requirements: readonly Requirement[] = 'docker' in started ? [busybox] : [busybox, started];

describeWith(requirements, 'A real Docker engine', () => {
  let image: BaseImage;
  let registry: CraneRegistry;
  let work: TemporaryDirectory;
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
});

async function docker(args: readonly string[]): Promise<string> {
  if (engine === undefined) throw new Error('The engine is started before the first test');
  return succeeded(await engine.docker(args)).stdout;
}
