import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { blobOf, imageOf } from '../../conformance/samples.ts';
import { type CommandResult, succeeded } from '../../support/command.ts';
import { startCraneRegistry } from '../../support/crane-registry.ts';
import { contentScript } from '../../support/content-script.ts';
import { dockerTarball, indexOf, layeredImage, layoutFiles, tarOf } from '../../support/sample-image.ts';
import { scriptedServer, type ScriptedServer } from '../../support/scripted-server.ts';
import { expectRefused, workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const image = layeredImage('valid', { layers: ['gzip', 'gzip'] });
const zstd = layeredImage('zstd', { layers: ['zstd'] });
const plain = layeredImage('plain', { layers: ['none'] });
const mixed = layeredImage('mixed', { layers: ['gzip', 'zstd', 'none'] });
const artifactConfig = blobOf('{}', 'application/vnd.oci.empty.v1+json');
const note = blobOf('a note', 'text/plain');
const artifact = {
  ...blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'application/vnd.example',
      config: artifactConfig.target,
      layers: [note.target],
    }),
    mediaTypes.ociManifest,
  ),
  blobs: [artifactConfig, note],
};
const mixedTypes = (() => {
  const layers = [...image.layers.map(({ target }) => target), note.target];
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: image.config.target,
    layers,
  });
  return { ...blobOf(text, mediaTypes.ociManifest), blobs: [...image.blobs, note] };
})();
const lying = imageOf('a layer that is no tar, with a config that lists nothing');
const wrongPlatform = indexOf({ 'linux/arm64': image });
const images = [image, zstd, plain, mixed, artifact, mixedTypes, lying];
const script = contentScript([...images, ...images.flatMap(({ blobs }) => blobs), wrongPlatform], {
  v1: image,
  zstd,
  plain,
  mixed,
  artifact,
  'mixed-types': mixedTypes,
  lying,
  'wrong-platform': wrongPlatform,
});

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer(script);
});
afterAll(() => server[Symbol.asyncDispose]());

async function validate(...args: readonly string[]): Promise<CommandResult> {
  await using place = await workplace();
  return place.crane(['validate', ...args]);
}

describe('validate', () => {
  it.each(['zstd', 'plain', 'mixed'])('takes zstd and uncompressed layers: %s (flaw 17)', async (tag) => {
    const name = `${server.registry}/app:${tag}`;
    expect(succeeded(await validate('--remote', name)).stdout).toBe(`PASS: ${name}\n`);
    expect(succeeded(await validate('--fast', '--remote', name)).stdout).toBe(`PASS: ${name}\n`);
  });

  it('takes artifacts (9.23)', async () => {
    const name = `${server.registry}/app:artifact`;
    expect(succeeded(await validate('--remote', name)).stdout).toBe(`PASS: ${name}\n`);
  });

  it('of layers and other things in one manifest does not crash (flaw 14)', async () => {
    const { code, stdout } = await validate('--remote', `${server.registry}/app:mixed-types`);
    expect([0, 1]).toContain(code);
    expect(stdout).toMatch(/^(PASS|FAIL): /);
  });

  it.each(['lying', 'wrong-platform'])('prints what is wrong once: %s (flaw 25)', async (tag) => {
    const name = `${server.registry}/app:${tag}`;
    const { code, stdout, stderr } = await validate('--remote', name);
    expect(code).toBe(1);
    expect(stdout.startsWith(`FAIL: ${name}: `)).toBe(true);
    expect(stderr).toMatch(/^Error: .* is not valid: \d+ problems?, listed above\n$/);
    const problems = stdout.trim().split('\n');
    expect(new Set(problems).size).toBe(problems.length);
    for (const problem of problems) expect(stderr).not.toContain(problem.slice(problem.indexOf(': ') + 2));
  });

  it('downloads each layer once (flaw 26)', async () => {
    const seen = server.log.length;
    succeeded(await validate('--remote', `${server.registry}/app:v1`));
    const blobs = server.log.slice(seen).filter((line) => line.startsWith('GET') && line.includes('/blobs/'));
    expect(blobs.sort()).toEqual(image.blobs.map(({ target: { digest } }) => `GET /v2/app/blobs/${digest}`).sort());
  });

  it('--fast downloads no layer, and sees wrong sizes (9.23)', async () => {
    const [layer = image] = image.layers;
    await using liar = await scriptedServer((request) => {
      const answer = script(request);
      const isLayer = request.target.endsWith(layer.target.digest);
      return isLayer && answer !== undefined && typeof answer !== 'function'
        ? { ...answer, body: Buffer.alloc(7) }
        : answer;
    });
    const { code, stdout } = await validate('--fast', '--remote', `${liar.registry}/app:v1`);
    expect(code).toBe(1);
    expect(stdout).toContain(layer.target.digest);
    expect(liar.log.filter((line) => line.startsWith('GET') && line.endsWith(layer.target.digest))).toEqual([]);
  });

  it('reads layouts, OCI archives and one image of several in a docker archive (9.23)', async () => {
    const files = layoutFiles([image, ...image.blobs], { v1: image });
    await using place = await workplace({
      ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`layout/${path}`, bytes])),
      'oci.tar': tarOf(files),
      'both.tar': dockerTarball({ 'app:v1': image, 'app:v2': mixed }),
    });
    for (const source of ['oci:layout:v1', 'oci-archive:oci.tar:v1', 'docker-archive:both.tar:app:v2']) {
      expect(succeeded(await place.crane(['validate', '--remote', source])).stdout).toBe(`PASS: ${source}\n`);
    }
    expect(succeeded(await place.crane(['validate', '--tarball', 'oci.tar'])).stdout).toBe('PASS: oci.tar\n');
  });
});

describe('registry serve', () => {
  it('--disk remembers manifests and tags, across a kill, too (flaw 24)', async () => {
    await using place = await workplace({ 'image.tar': dockerTarball({ 'app:v1': image }) });
    let digest = '';
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
      const registry = await startCraneRegistry(['--disk', place.file('data')]);
      if (digest === '')
        digest =
          succeeded(await place.crane(['push', 'image.tar', `${registry.address}/app:v1`]))
            .stdout.trim()
            .split('@')[1] ?? '';
      expect(succeeded(await place.crane(['digest', `${registry.address}/app:v1`])).stdout).toBe(`${digest}\n`);
      expect(succeeded(await place.crane(['ls', `${registry.address}/app`])).stdout).toBe('v1\n');
      expect(succeeded(await place.crane(['catalog', registry.address])).stdout).toBe('app\n');
      succeeded(await place.crane(['validate', '--remote', `${registry.address}/app:v1`]));
      await registry.stop(signal);
    }
  });

  it('listens on loopback only, and on other addresses when told (flaw 24)', async () => {
    await using place = await workplace();
    const running = place.start(['registry', 'serve']);
    const [host = '', port = ''] = (await running.firstLine()).split(':');
    expect(host).toBe('127.0.0.1');
    for (const { address } of Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal }) => !internal)) {
      expect(await canConnect(address, Number(port))).toBe(false);
    }
    expect(await canConnect('127.0.0.1', Number(port))).toBe(true);
    await running.stop();
  });

  it('takes $PORT, still on loopback, and prints the address alone on stdout (flaw 24)', async () => {
    await using place = await workplace();
    const running = place.start(['registry', 'serve'], { env: { PORT: '0' } });
    expect(await running.firstLine()).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await running.stop('SIGTERM')).code).toBe(0);
    await expectRefused({ args: ['registry', 'serve'], env: { PORT: 'http' }, says: ['"http"', '$PORT'] });
  });
});

describe('texts', () => {
  it('a platform that is not there comes with those that are (flaw 25)', async () => {
    const name = `${server.registry}/app:wrong-platform`;
    for (const args of [
      ['digest', name, '--platform', 'plan9/mips'],
      ['pull', name, 'out.tar'],
      ['config', name],
    ]) {
      const { stderr } = await expectRefused({ args, says: [/platform (plan9\/mips|linux\/amd64)/] });
      expect(stderr).toContain('Available platforms: linux/arm64');
    }
  });

  it('other names of a platform are understood (7)', async () => {
    const name = `${server.registry}/app:wrong-platform`;
    await using place = await workplace();
    for (const platform of ['linux/arm64', 'linux/aarch64', 'linux/arm64/v8', 'linux', 'Linux/ARM64']) {
      expect(succeeded(await place.crane(['digest', name, '--platform', platform])).stdout).toBe(
        `${image.target.digest}\n`,
      );
    }
  });

  it('never just "could not parse reference" (flaw 25)', async () => {
    for (const bad of ['Ubuntu', 'a b', 'ubuntu:', 'ubuntu@sha256:1', 'https://ghcr.io/a', 'a//b']) {
      const { stderr } = await expectRefused({ args: ['digest', bad], says: [bad] });
      expect(stderr).not.toContain('could not parse');
    }
  });

  it('version says one line', async () => {
    await using place = await workplace();
    expect(succeeded(await place.crane(['version'])).stdout).toMatch(/^\S+\n$/);
  });
});

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (could: boolean): void => {
      socket.destroy();
      resolve(could);
    };
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false));
  });
}
