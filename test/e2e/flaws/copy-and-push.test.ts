import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, type ListeningRegistry } from '../../../src/server/listen.ts';
import { memoryStorage } from '../../../src/server/memory-storage.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { blobOf } from '../../conformance/samples.ts';
import { succeeded } from '../../support/command.ts';
import { contentScript } from '../../support/content-script.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { dockerTarball, indexOf, layeredImage, layoutFiles, tarOf } from '../../support/sample-image.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  scriptedServer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { expectRefused, workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const image = layeredImage('copy', { layers: ['gzip', 'gzip'] });
const arm = layeredImage('arm', { architecture: 'arm64' });
const zstd = layeredImage('zstd', { layers: ['zstd'] });
const index = indexOf({ 'linux/amd64': image, 'linux/arm64': arm });
const docker = layeredImage('docker', { family: 'docker' });
const images = [image, arm, zstd, docker];
const contents = [...images, ...images.flatMap(({ blobs }) => blobs)];
const script = contentScript(contents, { v1: image, arm, index, zstd, docker });
const unknown = blobOf(
  `{"schemaVersion":2,"mediaType":"application/vnd.example+json","blobs":[{"digest":"${image.target.digest}"}]}`,
  'application/vnd.example+json',
);

/** Repositories of the source that answer in a way of their own. */
function special(request: ScriptedRequest): ScriptedAnswer | undefined {
  const repository = request.target.split('/')[2];
  const isManifest = request.target.includes('/manifests/');
  const withType = (type: string): ScriptedAnswer | undefined => {
    const answer = script(request);
    if (answer === undefined || typeof answer === 'function' || !isManifest) return answer;
    return { ...answer, headers: { ...answer.headers, 'content-type': type } };
  };
  if (repository === 'parameter') return withType(`${mediaTypes.ociManifest}; charset=utf-8`);
  if (repository === 'octets') return withType('application/octet-stream');
  if (repository === 'plain') return withType('text/plain');
  if (repository === 'unknown') return contentScript([unknown], { v1: unknown })(request);
  if (repository === 'tags' && request.target.includes('/tags/list')) {
    return { status: 200, body: JSON.stringify({ name: 'tags', tags: ['v1', 'index', 'arm'] }) };
  }
  return script(request);
}

let source: ScriptedServer;
let target: ListeningRegistry;
const requests: string[] = [];
beforeAll(async () => {
  source = await scriptedServer(special);
  target = await listen({
    storage: memoryStorage(),
    onRequest: ({ method, url, status }) => requests.push(`${method} ${url} ${status}`),
  });
});
afterAll(async () => {
  await target.close();
  await source[Symbol.asyncDispose]();
});

const from = (name: string): string => `${source.registry}/${name}`;
const to = (name: string): string => `127.0.0.1:${target.port}/${name}`;

async function run(...args: readonly string[]): Promise<string> {
  await using place = await workplace();
  return succeeded(await place.crane(args)).stdout;
}

describe('copy', () => {
  it.each(['parameter', 'octets', 'plain'])(
    'with a Content-Type that is off takes the blobs along: %s (flaw 5)',
    async (repository) => {
      await run('copy', from(`${repository}:v1`), to(`${repository}:v1`));
      await run('validate', '--remote', to(`${repository}:v1`));
      expect((await run('digest', to(`${repository}:v1`))).trim()).toBe(image.target.digest);
    },
  );

  it('of a manifest of an unknown kind that names content is refused, not done by halves (flaw 5)', async () => {
    await expectRefused({
      args: ['copy', from('unknown:v1'), to('unknown:v1')],
      says: [unknown.target.digest, 'application/vnd.example+json'],
    });
    expect(requests.filter((line) => line.startsWith('PUT /v2/unknown/'))).toEqual([]);
  });

  it('-a honours --platform (flaw 22)', async () => {
    await run('copy', '-a', '--platform', 'linux/arm64', from('tags'), to('platform'));
    expect((await run('digest', to('platform:index'))).trim()).toBe(arm.target.digest);
  });

  it('-j 1 moves one blob at a time (flaw 22)', async () => {
    await run('copy', '-j', '1', from('app:index'), to('jobs:v1'));
    await run('validate', '--remote', to('jobs:v1'));
    await run('copy', '-j', '0', from('app:v1'), to('jobs:v2'));
  });

  it('-n of the very same digest is a success, of another one refused (9.7)', async () => {
    await run('copy', from('app:v1'), to('clobber:v1'));
    await run('copy', '-n', from('app:v1'), to('clobber:v1'));
    await expectRefused({
      args: ['copy', '-n', from('app:arm'), to('clobber:v1')],
      says: ['refusing to clobber existing tag', image.target.digest],
    });
    expect((await run('digest', to('clobber:v1'))).trim()).toBe(image.target.digest);
  });

  it('to a digest that is not the one of the source is refused before anything is sent (9.7)', async () => {
    const wrong = to(`wrong@${arm.target.digest}`);
    await expectRefused({ args: ['copy', from('app:v1'), wrong], says: [arm.target.digest, image.target.digest] });
    expect(requests.filter((line) => /^(PUT|POST|PATCH) \/v2\/wrong\//.test(line))).toEqual([]);
  });

  it('to a tag and a digest pushes both (5.4)', async () => {
    await run('copy', from('app:v1'), to(`both:v1@${image.target.digest}`));
    expect((await run('digest', to('both:v1'))).trim()).toBe(image.target.digest);
    expect((await run('digest', to(`both@${image.target.digest}`))).trim()).toBe(image.target.digest);
  });

  it('asks for no ping and reuses what it knows (6.6)', async () => {
    const seen = source.log.length;
    await run('copy', from('app:v1'), to('pings:v1'));
    expect(source.log.slice(seen).filter((line) => line.endsWith('/v2/'))).toEqual([]);
    const gets = source.log.slice(seen);
    expect(new Set(gets).size).toBe(gets.length);
  });

  it('within one registry mounts and sends nothing twice (6.3)', async () => {
    await run('copy', from('app:v1'), to('mount/a:v1'));
    const seen = requests.length;
    await run('copy', to('mount/a:v1'), to('mount/b:v1'));
    const sent = requests.slice(seen);
    expect(
      sent.filter((line) => line.startsWith('POST')).every((line) => line.includes('mount=') && line.endsWith(' 201')),
    ).toBe(true);
    expect(sent.filter((line) => /^(PUT|PATCH) .*\/blobs\//.test(line))).toEqual([]);
  });
});

describe('push', () => {
  it('keeps zstd layers zstd, and so does digest (flaw 13)', async () => {
    const files = { 'image.tar': dockerTarball({ 'app:v1': zstd }) };
    await using place = await workplace(files);
    const { stdout } = succeeded(await place.crane(['push', 'image.tar', to('zstd:v1')]));
    const manifest = JSON.parse(succeeded(await place.crane(['manifest', to('zstd:v1')])).stdout) as {
      layers: readonly { mediaType: string; digest: string }[];
    };
    expect(manifest.layers).toMatchObject([
      { mediaType: mediaTypes.ociLayerZstd, digest: zstd.layers[0]?.target.digest },
    ]);
    const { stdout: digest } = succeeded(await place.crane(['digest', '--tarball', 'image.tar']));
    expect(stdout.trim().split('@')[1]).toBe(digest.trim());
  });

  it.each<readonly [string, Uint8Array]>([
    ['a docker archive', dockerTarball({ 'app:v1': docker })],
    ['a gzipped docker archive', gzipSync(dockerTarball({ 'app:v1': docker }))],
    ['an OCI archive', tarOf(layoutFiles([docker, ...docker.blobs], { v1: docker }))],
    ['a gzipped OCI archive', gzipSync(tarOf(layoutFiles([docker, ...docker.blobs], { v1: docker })))],
  ])('takes %s, from a file and from standard input (flaw 26)', async (_, bytes) => {
    await using place = await workplace({ 'image.tar': bytes });
    const before = await place.snapshot();
    const file = succeeded(await place.crane(['push', 'image.tar', to('push:file')]));
    const stdin = succeeded(await place.crane(['push', '-', to('push:stdin')], { input: bytes }));
    expect(file.stdout.split('@')[1]).toBe(`${docker.target.digest}\n`);
    expect(stdin.stdout).toBe(file.stdout);
    succeeded(await place.crane(['validate', '--remote', to('push:stdin')]));
    expect(await place.snapshot()).toEqual(before);
  });

  it('takes one image of several, by its name (flaw 26)', async () => {
    await using place = await workplace({ 'both.tar': dockerTarball({ 'app:v1': image, 'app:v2': arm }) });
    const result = await place.crane(['push', 'both.tar', to('several:v1')]);
    expectRefusal(result, '2 images');
    expect(result.stderr).toMatch(/app:v1.*app:v2/);
    succeeded(await place.crane(['push', 'docker-archive:both.tar:app:v2', to('several:v2')]));
    expect(succeeded(await place.crane(['config', to('several:v2')])).stdout).toBe(
      Buffer.from(arm.config.bytes).toString(),
    );
  });

  it('takes one entry of a layout, by its name or digest (9.19)', async () => {
    const files = layoutFiles([image, arm, ...image.blobs, ...arm.blobs], { v1: image, v2: arm });
    await using place = await workplace(
      Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`layout/${path}`, bytes])),
    );
    expect(succeeded(await place.crane(['push', 'oci:layout:v2', to('entry:v2')])).stdout).toContain(arm.target.digest);
    const byDigest = `oci:layout@${image.target.digest}`;
    expect(succeeded(await place.crane(['push', byDigest, to('entry:v1')])).stdout).toContain(image.target.digest);
  });

  it('pipes: pull to standard output, push from standard input (flaw 26)', async () => {
    await using place = await workplace();
    const { stdoutBytes } = succeeded(await place.crane(['pull', from('app:docker'), '-']));
    succeeded(await place.crane(['push', '-', to('piped:v1')], { input: stdoutBytes }));
    expect((await run('digest', to('piped:v1'))).trim()).toBe(docker.target.digest);
  });

  it('that fails leaves the file of --image-refs alone (flaw 8)', async () => {
    await using place = await workplace({ refs: 'old', 'image.tar': 'junk' });
    expectRefusal(await place.crane(['push', 'image.tar', to('refs:v1'), '--image-refs', 'refs']), 'image.tar');
    expect(await readFile(place.file('refs'), 'utf8')).toBe('old');
    await writeFile(place.file('image.tar'), dockerTarball({ 'app:v1': docker }));
    const late = await place.crane(['push', 'image.tar', to('refs:v1'), '--image-refs', 'none/refs']);
    expectRefusal(late, docker.target.digest, 'was pushed', 'none/refs', 'no such file or directory');
    succeeded(await place.crane(['push', 'image.tar', to('refs:v1'), '--image-refs', 'refs']));
    expect(await readFile(place.file('refs'), 'utf8')).toBe(`${to('refs')}@${docker.target.digest}`);
  });
});

describe('tag', () => {
  it('sends no tag that cannot be one (9.22)', async () => {
    await run('copy', from('app:v1'), to('tag:v1'));
    const seen = requests.length;
    for (const bad of ['', 'a:b', 'bad tag', 'foo/bar', '.x', '-x', 'x'.repeat(129)]) {
      await expectRefused({ args: ['tag', '--', to('tag:v1'), bad], says: [bad.slice(0, 50)] });
    }
    expect(requests.length).toBe(seen);
  });

  it('takes a full reference of the same repository (9.22)', async () => {
    await run('copy', from('app:v1'), to('tag:v1'));
    await run('tag', to('tag:v1'), to('tag:v2'));
    expect((await run('digest', to('tag:v2'))).trim()).toBe(image.target.digest);
  });
});

describe('digest', () => {
  it('does not believe a digest that a registry makes up (6.6)', async () => {
    const lie = `sha256:${'0'.repeat(64)}`;
    await using server = await scriptedServer((request) => {
      const answer = script(request);
      if (answer === undefined || typeof answer === 'function') return answer;
      return { ...answer, headers: { ...answer.headers, 'docker-content-digest': lie } };
    });
    await using place = await workplace();
    expect(succeeded(await place.crane(['digest', `${server.registry}/app@${image.target.digest}`])).stdout).toBe(
      `${image.target.digest}\n`,
    );
    const { stdout, stderr } = succeeded(await place.crane(['manifest', `${server.registry}/app:v1`]));
    expect(blobOf(stdout).target.digest).toBe(image.target.digest);
    expect(stderr).toContain(
      `[WARNING]: ${server.registry}/app:v1 has the digest ${image.target.digest}, but the registry states ${lie}`,
    );
  });

  it('reads layouts, OCI archives and docker archives (9.9)', async () => {
    const files = layoutFiles([image, ...image.blobs], { v1: image });
    await using place = await workplace({
      ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`layout/${path}`, bytes])),
      'oci.tar': tarOf(files),
      'docker.tar': dockerTarball({ 'app:v1': docker }),
    });
    for (const [source, expected] of [
      ['oci:layout:v1', image],
      ['oci-archive:oci.tar:v1', image],
      ['docker-archive:docker.tar', docker],
      ['docker-archive:docker.tar:app:v1', docker],
    ] as const) {
      expect(succeeded(await place.crane(['digest', source])).stdout).toBe(`${expected.target.digest}\n`);
    }
  });
});
