import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/content/hash.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import { baseImage, type BaseImage, busybox } from '../support/base-image.ts';
import { dockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { craneInProcess } from '../support/in-process.ts';
import { startPodmanService } from '../support/podman-service.ts';
import { describeWith, type Requirement } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

interface RunningEngine {
  readonly host: string;
  stop(): Promise<void>;
}

// Started before the tests are known, because only the attempt shows whether the system allows it.
const started: readonly (readonly [string, RunningEngine | Requirement])[] = busybox.available
  ? [
      ['A real Docker engine', await startDockerEngine()],
      ['A real podman service', await startPodmanService()],
    ]
  : [['A real Docker engine', dockerEngine]];

for (const [title, found] of started) {
  const engine = 'stop' in found ? found : undefined;
  describeWith('stop' in found ? [busybox] : [busybox, found], `${title} as docker-daemon:`, () => roundTrips(engine));
}

function roundTrips(engine: RunningEngine | undefined): void {
  let image: BaseImage;
  let registry: ListeningRegistry;
  let work: TemporaryDirectory;
  const name = 'docker-daemon:round.test/base:1';

  beforeAll(async () => {
    image = await baseImage();
    work = await temporaryDirectory();
    registry = await listen({ storage: memoryStorage() });
  });
  afterAll(async () => {
    await registry.close();
    await work.remove();
    await engine?.stop();
  });

  test('takes an image from a layout, which keeps its config and its file system', async () => {
    await crane('copy', `oci:${image.layout}`, name);
    expect(digestOf(Buffer.from(await crane('config', name)))).toBe(image.configDigest);
    expect(await filesOf(name)).toBe(await filesOf(`oci:${image.layout}`));
    expect(await crane('validate', name)).toMatch(/^PASS/);
  });

  test('an image goes to a registry, a layout, an archive and back with one digest', async () => {
    const digest = (await crane('digest', name)).trim();
    const inRegistry = `127.0.0.1:${registry.port}/base:1`;
    const [layout, archive] = [
      `oci:${work.file('layout')}:1`,
      `docker-archive:${work.file('image.tar')}:round.test/base:2`,
    ];
    const back = 'docker-daemon:round.test/base:2';
    await crane('copy', name, inRegistry);
    await crane('copy', inRegistry, layout);
    await crane('copy', layout, archive);
    await remove('round.test/base:1');
    expect(await refusal('digest', name)).toContain('has no image "round.test/base:1"');
    await crane('copy', archive, back);
    for (const place of [inRegistry, layout, archive, back]) {
      expect((await crane('digest', place)).trim(), place).toBe(digest);
      expect(digestOf(Buffer.from(await crane('config', place))), place).toBe(image.configDigest);
    }
    expect(await filesOf(back)).toBe(await filesOf(`oci:${image.layout}`));
  });

  test('an image that is there is only named, by copy and by tag', async () => {
    await crane('copy', `oci:${image.layout}`, 'docker-daemon:round.test/named:1');
    const { stderr } = await run('copy', `oci:${image.layout}`, 'docker-daemon:other.test/named:2');
    expect(stderr).toContain('was there already');
    await crane('tag', 'docker-daemon:other.test/named:2', 'three');
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
    expect(await crane('config', `docker-daemon:${digestOf(Buffer.from(after))}`)).toBe(after);
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

  async function remove(reference: string): Promise<void> {
    const path = `/images/${reference}?force=1`;
    const status = await new Promise((resolve, reject) => {
      const outgoing = request({
        method: 'DELETE',
        socketPath: engine?.host.slice('unix://'.length),
        path: `/v1.41${path}`,
      });
      outgoing
        .once('response', (incoming) => resolve(incoming.resume().statusCode))
        .once('error', reject)
        .end();
    });
    expect(status).toBe(200);
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
    return craneInProcess(args, { home: work.path, env: { DOCKER_HOST: engine?.host ?? '' } });
  }
}
