import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CachedImage } from '../support/cached-images.ts';
import { crane, type CommandResult, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { dockerRegistry, type RegistryServer, startDockerRegistry } from '../support/docker-registry.ts';
import { gibibyteImage } from '../support/large-image.ts';
import { describeWith, type Requirement, unavailable } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

const megabyte = 1_000_000;
const memoryLimit = 150 * megabyte;
const timeout = 240_000;

const linux: Requirement =
  process.platform === 'linux'
    ? { name: 'Linux', available: true, path: '/proc', reason: '' }
    : unavailable('Linux', 'tells the memory of a process, this system does not');

describeWith([linux, dockerRegistry], 'A layer of 1 GiB takes less than 150 MB of memory', () => {
  let image: CachedImage;
  let ours: CraneRegistry;
  let theirs: RegistryServer;
  let work: TemporaryDirectory;

  beforeAll(async () => {
    image = await gibibyteImage();
    work = await temporaryDirectory();
    theirs = await startDockerRegistry();
    ours = await startCraneRegistry(['--disk', work.file('registry')]);
    await measured(['push', image.layout, `${theirs.address}/large:1`]);
  }, timeout);

  afterAll(async () => {
    await theirs.stop();
    await work.remove();
  });

  test('when a layout is pushed', { timeout }, async () => {
    await measured(['push', image.layout, `${ours.address}/pushed:1`]);
    expect(await digestOf(`${ours.address}/pushed:1`)).toBe(image.manifestDigest);
  });

  test('when it is copied from one registry to another', { timeout }, async () => {
    await measured(['copy', `${theirs.address}/large:1`, `${ours.address}/copied:1`]);
    expect(await digestOf(`${ours.address}/copied:1`)).toBe(image.manifestDigest);
  });

  test.each(['tarball', 'legacy', 'oci'])('when it is pulled as %s', { timeout }, async (format) => {
    const path = work.file(format);
    await measured(['pull', '--format', format, `${theirs.address}/large:1`, path]);
    if (format !== 'oci') expect((await stat(path)).size).toBeGreaterThan(1024 ** 3);
    if (format === 'tarball') await measured(['push', path, `${ours.address}/from-tarball:1`]);
  });

  test('when it is validated', { timeout }, async () => {
    await measured(['validate', '--remote', `${theirs.address}/large:1`]);
  });

  test('in the registry that served all of this', { timeout }, async () => {
    const { peakMemory } = await ours.stop();
    expect(peakMemory).toBeLessThan(memoryLimit);
  });

  async function measured(args: readonly string[]): Promise<CommandResult> {
    const result = succeeded(await crane(args, { timeout, home: work.path }));
    expect(result.peakMemory, `peak memory of crane ${args.join(' ')}`).toBeLessThan(memoryLimit);
    return result;
  }
});

async function digestOf(reference: string): Promise<string> {
  return succeeded(await crane(['digest', reference])).stdout.trim();
}
