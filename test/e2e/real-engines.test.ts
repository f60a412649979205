import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeDockerArchive } from '../../src/archive/docker-archive-writer.ts';
import { digestOf } from '../../src/content/hash.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import { baseImage, type BaseImage } from '../support/base-image.ts';
import { engineContainers } from '../support/engine-containers.ts';
import { addedByEngines, trickyLayers } from '../support/engine-files.ts';
import { extractTar, treeOf } from '../support/extracted-tree.ts';
import { craneInProcess } from '../support/in-process.ts';
import { imageOfEntries } from '../support/layer-stack.ts';
import { describeEngines, type RealEngine, startRealEngines } from '../support/real-engines.ts';
import { tarOf } from '../support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

describeEngines(await startRealEngines(), roundTrips);

function roundTrips(engine: RealEngine | undefined): void {
  const host = engine?.host ?? '';
  const keepsManifests = engine?.kind === 'containerd';
  const containers = engineContainers(host);
  let image: BaseImage;
  let registry: ListeningRegistry;
  let work: TemporaryDirectory;
  const name = 'docker-daemon:round.test/base:1';

  beforeAll(async () => {
    image = await baseImage();
    work = await temporaryDirectory();
    registry = await listen({ storage: memoryStorage() });
  });
  afterAll(() => engine?.stop());
  afterAll(async () => {
    await registry.close();
    await work.remove();
  });

  test('takes an image from a layout, which keeps its config and its file system', async () => {
    await crane('copy', `oci:${image.layout}`, name);
    expect(digestOf(Buffer.from(await crane('config', name)))).toBe(image.configDigest);
    if (keepsManifests) expect((await crane('digest', name)).trim()).toBe(image.manifestDigest);
    expect(await filesOf(name)).toBe(await filesOf(`oci:${image.layout}`));
    expect(await crane('validate', name)).toMatch(/^PASS/);
  });

  test('an image goes to a registry, a layout, archives of both kinds and back, and stays what it is', async () => {
    const digest = (await crane('digest', name)).trim();
    const places = [
      `127.0.0.1:${registry.port}/base:1`,
      `oci:${work.file('layout')}:1`,
      `oci-archive:${work.file('oci.tar')}:1`,
      `docker-archive:${work.file('docker.tar')}:round.test/base:2`,
      'docker-daemon:round.test/base:2',
    ];
    let from = name;
    for (const place of places) {
      await crane('copy', from, place);
      if (from === name) {
        await containers.remove('round.test/base:1');
        expect(await refusal('digest', name)).toContain('has no image "round.test/base:1"');
      }
      from = place;
    }
    for (const place of places) {
      // A docker archive has no manifest. Where the one that is made for it differs from what came, so does the digest.
      const keeps = !keepsManifests || !place.startsWith('docker-');
      if (keeps) expect((await crane('digest', place)).trim(), place).toBe(digest);
      expect(digestOf(Buffer.from(await crane('config', place))), place).toBe(image.configDigest);
    }
    const { Id, RootFS } = await containers.inspect('round.test/base:2');
    const { rootfs } = JSON.parse(image.configBytes) as { rootfs: { diff_ids: string[] } };
    expect(RootFS.Layers).toEqual(rootfs.diff_ids);
    const id = Id.replace(/^(?!sha256:)/, 'sha256:');
    expect(id).toBe(
      keepsManifests ? (await crane('digest', 'docker-daemon:round.test/base:2')).trim() : image.configDigest,
    );
    expect(await filesOf('docker-daemon:round.test/base:2')).toBe(await filesOf(`oci:${image.layout}`));
  });

  test('its container has just the files that we export', async () => {
    const file = work.file('tricky.tar');
    await writeDockerArchive([{ artifact: await imageOfEntries(...trickyLayers), name: 'tricky.test/layers:1' }], file);
    await crane('copy', `docker-archive:${file}`, 'docker-daemon:tricky.test/layers:1');
    extractTar(work.file('theirs'), await containers.export('tricky.test/layers:1'));
    const exported = work.file('exported.tar');
    await crane('export', 'docker-daemon:tricky.test/layers:1', exported);
    extractTar(work.file('ours'), await readFile(exported));
    const [theirs, ours] = [treeOf(work.file('theirs')), treeOf(work.file('ours'))];
    const added = Object.keys(theirs).filter((path) => !(path in ours));
    expect(added.filter((path) => !addedByEngines.test(path))).toEqual([]);
    expect(Object.fromEntries(Object.entries(theirs).filter(([path]) => path in ours))).toEqual(ours);
  });

  test('what edits make of it is loaded and runs', { timeout: 120_000 }, async () => {
    const at = (tag: string): string => `127.0.0.1:${registry.port}/edited:${tag}`;
    await writeFile(work.file('app.tar'), tarOf({ 'etc/app': 'app\n' }));
    await writeFile(work.file('new.tar'), tarOf({ 'etc/new': 'new\n' }));
    await crane('push', image.layout, at('base'));
    await crane('append', '-b', at('base'), '-f', work.file('app.tar'), '-t', at('append'));
    await crane('append', '-b', at('base'), '-f', work.file('new.tar'), '-t', at('new'));
    await crane('mutate', at('append'), '-e', 'GREETING=hi', '-w', '/tmp', '-t', at('mutate'));
    await crane('flatten', at('append'), '-t', at('flatten'));
    await crane('rebase', at('append'), '--old_base', at('base'), '--new_base', at('new'), '-t', at('rebase'));
    const prints = {
      append: ['cat /etc/app', 'app\n'],
      mutate: ['echo $GREETING; pwd', 'hi\n/tmp\n'],
      flatten: ['cat /etc/app', 'app\n'],
      rebase: ['cat /etc/app /etc/new', 'app\nnew\n'],
    };
    for (const [tag, [script = '', output]] of Object.entries(prints)) {
      await crane('copy', at(tag), `docker-daemon:edited.test/image:${tag}`);
      expect(await containers.run(`edited.test/image:${tag}`, script), tag).toBe(output);
    }
  });

  test.runIf(keepsManifests)('keeps an index whole, and of one that it pulled has its own platform', async () => {
    const at = (tag: string): string => `127.0.0.1:${registry.port}/platforms:${tag}`;
    await crane('push', image.layout, at('amd'));
    await crane('mutate', at('amd'), '--set-platform', 'linux/arm64', '-t', at('arm'));
    await crane('index', 'append', '-m', at('amd'), '-m', at('arm'), '-t', at('both'));
    const digest = await crane('digest', at('both'));
    await crane('copy', at('both'), 'docker-daemon:whole.test/index:1');
    expect(await crane('digest', 'docker-daemon:whole.test/index:1')).toBe(digest);
    const arm = await crane('config', '--platform', 'linux/arm64', 'docker-daemon:whole.test/index:1');
    expect(arm).toBe(await crane('config', at('arm')));
    await containers.remove('whole.test/index:1');
    await containers.pull(at('both'));
    expect(await crane('digest', `docker-daemon:${at('both')}`)).toBe(await crane('digest', at('amd')));
  });

  test.runIf(engine?.kind === 'docker')('gets of an image only the layers that it lacks', async () => {
    await crane('copy', `oci:${image.layout}`, 'docker-daemon:shared.test/base:1');
    await writeFile(work.file('more.tar'), tarOf({ 'etc/more': 'more\n' }));
    await crane('append', '-b', `oci:${image.layout}`, '-f', work.file('more.tar'), '-t', `oci:${work.file('more')}:1`);
    const { stderr } = await run('copy', `oci:${work.file('more')}:1`, 'docker-daemon:shared.test/more:1');
    expect(stderr).toContain('2 of 3 layers were there');
    expect(await containers.run('shared.test/more:1', 'cat /etc/more')).toBe('more\n');
  });

  test('an image that is there is only named, by copy and by tag', async () => {
    await crane('copy', `oci:${image.layout}`, 'docker-daemon:round.test/named:1');
    const { stderr } = await run('copy', `oci:${image.layout}`, 'docker-daemon:other.test/named:2');
    expect(stderr).toContain('was there already');
    await crane('tag', 'docker-daemon:other.test/named:2', 'three');
    expect((await crane('ls', 'docker-daemon:other.test/named')).split('\n').sort()).toEqual(['', '2', 'three']);
    const digests = await Promise.all(
      ['round.test/named:1', 'other.test/named:2', 'other.test/named:three'].map((one) =>
        crane('digest', `docker-daemon:${one}`),
      ),
    );
    expect(new Set(digests).size).toBe(1);
  });

  test('is changed in place, and read by its ID', async () => {
    await crane('copy', `oci:${image.layout}`, 'docker-daemon:round.test/edited:1');
    const before = await crane('config', 'docker-daemon:round.test/edited:1');
    expect(await crane('mutate', 'docker-daemon:round.test/edited:1', '-l', 'edited=yes')).toBe(
      'docker-daemon:round.test/edited:1\n',
    );
    const after = await crane('config', 'docker-daemon:round.test/edited:1');
    expect(JSON.parse(after)).toMatchObject({ config: { Labels: { edited: 'yes' } } });
    // The image that was changed has lost its name, and is still there for engines that collect no garbage.
    const { Id } = await containers.inspect('round.test/edited:1');
    expect(await crane('config', `docker-daemon:${Id}`)).toBe(after);
    if (keepsManifests) return;
    expect(await crane('config', `docker-daemon:${digestOf(Buffer.from(before)).slice(7, 19)}`)).toBe(before);
  });

  test('refuses what cannot be under a digest, and names what is missing', async () => {
    expect(await refusal('copy', `oci:${image.layout}`, `docker-daemon:a@${image.configDigest}`)).toContain(
      'has no tag',
    );
    expect(await refusal('copy', 'docker-daemon:no.test/such:1', `oci:${work.file('none')}`)).toContain('has no image');
  });

  test('takes a pulled and pushed tarball as it takes images', async () => {
    await crane('copy', `oci:${image.layout}`, name);
    const file = work.file('pulled.tar');
    await crane('pull', name, file);
    await crane('push', file, 'docker-daemon:round.test/pushed:1');
    expect(await crane('digest', '--tarball', file)).toBe(await crane('digest', 'docker-daemon:round.test/pushed:1'));
  });

  async function filesOf(place: string): Promise<string> {
    const file = work.file('files.tar');
    await crane('export', place, file);
    return digestOf(await readFile(file));
  }

  async function crane(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  }

  async function refusal(...args: readonly string[]): Promise<string> {
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    return stderr;
  }

  function run(...args: readonly string[]): ReturnType<typeof craneInProcess> {
    return craneInProcess(args, { home: work.path, env: { DOCKER_HOST: host } });
  }
}
