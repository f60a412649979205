import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDockerArchive } from '../../../src/archive/docker-archive.ts';
import { openOciArchive } from '../../../src/archive/oci-archive.ts';
import { collect } from '../../../src/content/bytes.ts';
import { blobOf } from '../../conformance/samples.ts';
import { succeeded } from '../../support/command.ts';
import { contentScript } from '../../support/content-script.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { indexOf, layeredImage } from '../../support/sample-image.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  scriptedServer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const first = layeredImage('first', { layers: ['gzip', 'gzip'] });
const second = layeredImage('second');
const third = layeredImage('third', { architecture: 'arm64' });
const zstd = layeredImage('zstd', { layers: ['zstd', 'gzip'] });
const empty = layeredImage('empty', { layers: [] });
const index = indexOf({ 'linux/amd64': first, 'linux/arm64': third });
const all = [first, second, third, zstd, empty];
const script = contentScript([...all, ...all.flatMap(({ blobs }) => blobs)], {
  v1: first,
  v2: second,
  arm: third,
  zstd,
  empty,
  index,
});
const big = layeredImage('big', { size: 300_000 });
const bad = contentScript([big, big.config, ...big.layers.slice(1)], { v1: big });

/** What the tag of that name stands for. */
let moving = first;

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer((request) => answerTo(request));
});
afterAll(() => server[Symbol.asyncDispose]());

const at = (name: string): string => `${server.registry}/app${name}`;

async function namesIn(path: string): Promise<readonly string[]> {
  await using archive = await openDockerArchive(path);
  return archive.names.flat();
}

describe('pull', () => {
  it('of several digests of one repository keeps every image (flaw 2)', async () => {
    await using place = await workplace();
    const digests = [first, second].map(({ target: { digest } }) => at(`@${digest}`));
    succeeded(await place.crane(['pull', ...digests, 'out.tar']));
    await using archive = await openDockerArchive(place.file('out.tar'));
    expect(archive.names).toHaveLength(2);
    expect(new Set(archive.names.flat()).size).toBe(2);
    const manifests = await archive.images();
    const configs = await Promise.all(
      manifests.map(
        async ({ root }) =>
          JSON.parse(Buffer.from(await collect(await archive.fetch(root), 10_000)).toString()) as {
            config: { digest: string };
          },
      ),
    );
    expect(configs.map(({ config }) => config.digest).sort()).toEqual(
      [first, second].map(({ config }) => config.target.digest).sort(),
    );
  });

  it.each([
    ['a tarball', ['out.tar']],
    ['a legacy tarball', ['--format', 'legacy', 'out.tar']],
    ['a layout', ['--format', 'oci', 'out']],
  ])('that fails leaves no archive that looks complete: %s (flaw 8)', async (_, output) => {
    await using place = await workplace();
    const before = await place.snapshot();
    const broken = `${server.registry}/broken:v1`;
    expectRefusal(await place.crane(['pull', at(':v1'), broken, ...output]), '404', big.layers[0]?.target.digest ?? '');
    expect(await place.snapshot()).toEqual(before);
  });

  it('that fails leaves the archive that was there (flaw 8)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['pull', at(':v1'), 'out.tar']));
    const before = await place.snapshot();
    expectRefusal(await place.crane(['pull', `${server.registry}/broken:v1`, 'out.tar']), '404');
    expect(await place.snapshot()).toEqual(before);
  });

  it.each(['tarball', 'oci', 'legacy'])('verifies the layer cache: %s (flaw 12)', async (format) => {
    await using place = await workplace();
    const pull = (output: string): Promise<unknown> =>
      place.crane(['pull', '-c', 'cache', '--format', format, at(':v1'), output]).then(succeeded);
    await pull('once');
    const cached = place.file('cache', first.layers[0]?.target.digest ?? '');
    const kept = await readFile(cached);
    expect(kept).toEqual(Buffer.from(first.layers[0]?.bytes ?? []));
    const poisons = [
      Buffer.alloc(kept.length, 'x'),
      kept.subarray(0, 20),
      Buffer.concat([kept, kept]),
      Buffer.alloc(0),
    ];
    for (const [i, poison] of poisons.entries()) {
      await writeFile(cached, poison);
      await pull(`again-${i}`);
      expect(await readFile(cached)).toEqual(kept);
      const { once, ...others } = await contents(place.path);
      expect(others[`again-${i}`]).toEqual(once);
    }
  });

  it('takes from the cache what is right (flaw 12)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['pull', '-c', 'cache', at(':v1'), 'once.tar']));
    const seen = server.log.length;
    const { stderr } = succeeded(await place.crane(['pull', '-c', 'cache', at(':v1'), 'again.tar']));
    expect(stderr).toContain(`Layer ${first.layers[0]?.target.digest} found (compressed) in cache`);
    expect(server.log.slice(seen).filter((line) => line.includes('/blobs/'))).toEqual([
      `GET /v2/app/blobs/${first.config.target.digest}`,
    ]);
  });

  it.each(['legacy', 'tarball'])(
    'of an image without layers is an archive without layers: %s (flaw 14)',
    async (format) => {
      await using place = await workplace();
      succeeded(await place.crane(['pull', '--format', format, at(':empty'), 'out.tar']));
      succeeded(await place.crane(['validate', '--tarball', 'out.tar']));
      succeeded(await place.crane(['copy', 'docker-archive:out.tar', 'oci:layout:v1']));
      expect(succeeded(await place.crane(['config', 'oci:layout:v1'])).stdout).toBe(
        Buffer.from(empty.config.bytes).toString(),
      );
    },
  );

  it('gives the same bytes each time, however many images (flaw 26, deterministic order)', async () => {
    await using place = await workplace();
    for (const format of ['tarball', 'legacy']) {
      const images = [at(':v2'), at(':v1'), at(':arm')];
      for (const name of ['1', '2', '3']) {
        succeeded(await place.crane(['pull', '--format', format, '--platform', 'all', ...images, `${format}-${name}`]));
      }
      const tree = await contents(place.path);
      expect(tree[`${format}-2`]).toBe(tree[`${format}-1`]);
      expect(tree[`${format}-3`]).toBe(tree[`${format}-1`]);
    }
  });

  it.each(['tarball', 'legacy'])('writes a %s to standard output with - (flaw 26)', async (format) => {
    await using place = await workplace();
    const before = await place.snapshot();
    const { stdoutBytes } = succeeded(await place.crane(['pull', '--format', format, at(':v1'), '-']));
    expect(await place.snapshot()).toEqual(before);
    await writeFile(place.file('piped'), stdoutBytes);
    expect(await namesIn(place.file('piped'))).toEqual([at(':v1')]);
    succeeded(await place.crane(['validate', '--tarball', 'piped']));
  });

  it('to the legacy format downloads each layer once (flaw 26)', async () => {
    await using place = await workplace();
    const seen = server.log.length;
    succeeded(await place.crane(['pull', '--format', 'legacy', at(':v1'), 'out.tar']));
    const layers = first.layers.map(({ target: { digest } }) => `GET /v2/app/blobs/${digest}`).sort();
    const asked = server.log
      .slice(seen)
      .filter((line) => line.includes('/blobs/') && !line.includes(first.config.target.digest));
    expect(asked.sort()).toEqual(layers);
  });

  it('of a whole index to an OCI archive keeps all images and digests (flaw 26)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['copy', at(':index'), 'oci-archive:out.tar:v1']));
    await using archive = await openOciArchive(place.file('out.tar'));
    expect((await archive.resolve('v1')).digest).toBe(index.target.digest);
    for (const { target } of [first, third, ...first.blobs, ...third.blobs]) {
      expect(Buffer.from(await collect(await archive.fetch(target), target.size)).length).toBe(target.size);
    }
  });

  it('twice into one layout lists the image once, a new image replaces the name (9.18)', async () => {
    await using place = await workplace();
    const pull = async (
      image: string,
      ...flags: readonly string[]
    ): Promise<readonly (readonly [unknown, string])[]> => {
      succeeded(await place.crane(['pull', '--format', 'oci', ...flags, image, 'out']));
      const { manifests } = JSON.parse(await readFile(place.file('out/index.json'), 'utf8')) as ImageList;
      return manifests.map(({ digest, annotations }) => [annotations?.['org.opencontainers.image.ref.name'], digest]);
    };
    const [one, two] = [first.target.digest, second.target.digest];
    expect(await pull(at(':v1'))).toEqual([[undefined, one]]);
    expect(await pull(at(':v1'))).toEqual([[undefined, one]]);
    expect(await pull(at(':v1'), '--annotate-ref')).toEqual([[at(':v1'), one]]);
    expect(await pull(at(':v1'))).toEqual([[at(':v1'), one]]);
    expect(await pull(at(':moving'), '--annotate-ref')).toEqual([
      [at(':v1'), one],
      [at(':moving'), one],
    ]);
    moving = second;
    expect(await pull(at(':moving'), '--annotate-ref')).toEqual([
      [at(':v1'), one],
      [at(':moving'), two],
    ]);
  });

  it('makes files of a layout that nobody can execute (13.3)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['pull', '--format', 'oci', at(':v1'), 'out']));
    for (const file of [
      'out/index.json',
      'out/oci-layout',
      `out/blobs/sha256/${first.config.target.digest.slice(7)}`,
    ]) {
      expect((await stat(place.file(file))).mode & 0o111).toBe(0);
    }
  });

  it('refuses an unknown format before it asks the registry (9.18)', async () => {
    await using place = await workplace();
    const seen = server.log.length;
    expectRefusal(await place.crane(['pull', '--format', 'zip', at(':v1'), 'out']), '"zip"');
    expect(server.log.length).toBe(seen);
  });

  it('and push of a zstd layer keep what it is (flaw 13)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['pull', at(':zstd'), 'out.tar']));
    succeeded(await place.crane(['copy', 'docker-archive:out.tar', 'oci:layout:v1']));
    const { stdout } = succeeded(await place.crane(['manifest', 'oci:layout:v1']));
    const layers = (JSON.parse(stdout) as LayerList).layers.map(({ mediaType, digest }) => ({ mediaType, digest }));
    expect(layers).toEqual(zstd.layers.map(({ target: { mediaType, digest } }) => ({ mediaType, digest })));
    const { stdout: digest } = succeeded(await place.crane(['digest', '--tarball', 'out.tar']));
    expect(digest.trim()).toBe(blobOf(stdout).target.digest);
  });
});

interface ImageList {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

interface LayerList {
  readonly layers: readonly { readonly mediaType: string; readonly digest: string }[];
}

/** Files and directories by name, as something that can be compared. */
async function contents(directory: string): Promise<Readonly<Record<string, string>>> {
  const { snapshot } = await import('../../support/file-tree.ts');
  const tree: Record<string, string> = {};
  for (const [path, state] of Object.entries(await snapshot(directory))) {
    const [top = '', ...rest] = path.split('/');
    tree[top] = `${tree[top] ?? ''}${rest.join('/')}=${state};`;
  }
  return tree;
}

function answerTo(request: ScriptedRequest): ScriptedAnswer | undefined {
  if (request.target.startsWith('/v2/broken/')) return bad(request);
  return request.target.endsWith('/moving') ? contentScript([], { moving })(request) : script(request);
}
