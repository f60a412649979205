import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { goldenImage } from '../../test/support/golden-image.ts';
import { packZstd } from '../../test/support/pack-zstd.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { readFileStream } from '../content/file.ts';
import { digestOf } from '../content/hash.ts';
import { encodeTarHeader, type TarFields } from '../content/tar/encode-header.ts';
import { tarPadding, tarTrailer } from '../content/tar/writer.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { parseDigest } from '../oci/digest.ts';
import type { ImageManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { MemoryStore } from '../store/memory.ts';
import { type DockerArchive, openDockerArchive } from './docker-archive.ts';
import { writeDockerArchive } from './docker-archive-writer.ts';
import { writeLegacyArchive } from './legacy-archive-writer.ts';

let root: string;
let path: string;
let spoolDirectory: string;

beforeEach(async () => {
  root = await testDirectory();
  path = join(root, 'archive.tar');
  spoolDirectory = join(root, 'spool');
  await mkdir(spoolDirectory);
});

describe('an archive that was written here', () => {
  // What `crane digest --tarball` says of `crane pull`'s archives of these images.
  it.each(['docker', 'white'])('gives the digest of the docker image %s back', async (tag) => {
    const artifact = await goldenImage('app', tag);
    await writeDockerArchive([{ artifact, name: `app:${tag}` }], path);
    await using(async (archive) => {
      expect(await archive.resolveSingle()).toMatchObject({ digest: artifact.root.digest });
      const { config, layers } = await manifestOf(archive, artifact.root);
      for (const target of [config, ...layers]) {
        expect(await archive.stat(target)).toEqual(target);
        expect(digestOf(await read(archive, target))).toBe(target.digest);
      }
    });
  });

  it.each([
    ['gzip', (bytes: Uint8Array) => gzipSync(bytes)],
    ['zstd', (bytes: Uint8Array) => packZstd(bytes)],
  ])('is read the same when it is compressed with %s, and leaves no temporary file', async (_, pack) => {
    const artifact = await goldenImage('app', 'docker');
    await writeDockerArchive([{ artifact, name: 'app' }], { write: async (chunk) => void parts.push(chunk) });
    await writeFile(path, pack(Buffer.concat(parts.splice(0))));
    await using(async (archive) => {
      expect((await archive.resolve('app:latest')).digest).toBe(artifact.root.digest);
      expect(await readdir(spoolDirectory)).toHaveLength(1);
    });
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('in the legacy format has its layers compressed, once, and checked against the config', async () => {
    const artifact = await goldenImage('app', 'docker');
    await writeLegacyArchive([{ artifact, name: 'app:1' }], path);
    await using(async (archive) => {
      const target = await archive.resolve('app:1');
      const { config, layers } = await manifestOf(archive, target);
      expect(await readdir(spoolDirectory)).toHaveLength(layers.length);
      const document = JSON.parse((await read(archive, config)).toString()) as { rootfs: { diff_ids: string[] } };
      for (const [i, layer] of layers.entries()) {
        expect(layer.mediaType).toBe(mediaTypes.dockerLayerGzip);
        expect(digestOf(gunzipSync(await read(archive, layer)))).toBe(document.rootfs.diff_ids[i]);
      }
    });
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('lets an image be chosen by any spelling of its name', async () => {
    const [a, b] = [await goldenImage('app', 'docker'), await goldenImage('app', 'white')];
    await writeDockerArchive(
      [
        { artifact: a, name: 'app' },
        { artifact: b, name: 'docker.io/library/app:white' },
      ],
      path,
    );
    await using(async (archive) => {
      for (const name of ['app', 'app:latest', 'library/app', 'index.docker.io/library/app:latest']) {
        expect((await archive.resolve(name)).digest, name).toBe(a.root.digest);
      }
      expect((await archive.resolve('app:white')).digest).toBe(b.root.digest);
      expect((await archive.resolve(b.root.digest)).digest).toBe(b.root.digest);
      expect((await archive.images()).map(({ names }) => names)).toEqual([
        ['app:latest'],
        ['docker.io/library/app:white'],
      ]);
      await expect(archive.resolveSingle()).rejects.toMatchObject({
        code: 'AMBIGUOUS',
        hint: 'It has app:latest, docker.io/library/app:white',
      });
      await expect(archive.resolve('app:2')).rejects.toMatchObject({
        code: 'NOT_FOUND',
        hint: 'It has app:latest, docker.io/library/app:white',
      });
    });
  });

  it('counts one image under two names as one', async () => {
    const artifact = await goldenImage('app', 'docker');
    await writeDockerArchive(
      [
        { artifact, name: 'a' },
        { artifact, name: 'b' },
      ],
      path,
    );
    await using(async (archive) => {
      expect((await archive.resolveSingle()).digest).toBe(artifact.root.digest);
    });
  });

  it('keeps zstd layers what they are, and the digest of the image (crane calls them gzip)', async () => {
    const layer = packZstd('layer');
    const { store, root: target } = await imageOf(layer, mediaTypes.ociLayerZstd, digestOf(Buffer.from('layer')));
    await writeDockerArchive([{ artifact: { store, root: target }, name: 'a' }], path);
    await using(async (archive) => {
      const found = await archive.resolveSingle();
      expect(found).toEqual(target);
      expect((await manifestOf(archive, found)).layers[0]?.mediaType).toBe(mediaTypes.ociLayerZstd);
    });
  });

  it('gives licensed layers back with their sources', async () => {
    const urls = ['https://example.com/?a&b'];
    const { store, root: target } = await imageOf(
      gzipSync('layer'),
      mediaTypes.dockerForeignLayerGzip,
      digestOf(Buffer.from('layer')),
      urls,
    );
    await writeDockerArchive([{ artifact: { store, root: target }, name: 'a' }], path);
    await using(async (archive) => {
      const [layer] = (await manifestOf(archive, await archive.resolveSingle())).layers;
      expect(layer).toMatchObject({ mediaType: mediaTypes.dockerForeignLayerGzip, urls });
      expect(gunzipSync(await read(archive, layer as Descriptor)).toString()).toBe('layer');
    });
  });
});

describe('an archive of another tool', () => {
  const layer = Buffer.alloc(10_000, 'a layer ');
  const config = Buffer.from(JSON.stringify({ rootfs: { diff_ids: [digestOf(layer), digestOf(layer)] } }));

  it('may have links in place of layers that are there already (docker save before 25, podman save)', async () => {
    await archiveOf(
      [{ name: 'one/layer.tar' }, layer],
      [{ name: 'two/layer.tar', type: 'symlink', linkname: '../one/layer.tar' }, ''],
      [{ name: 'c.json' }, config],
      manifest({ Config: 'c.json', RepoTags: ['a:1'], Layers: ['one/layer.tar', 'two/layer.tar'] }),
    );
    await using(async (archive) => {
      const { layers } = await manifestOf(archive, await archive.resolveSingle());
      expect(layers[0]).toEqual(layers[1]);
      expect(await readdir(spoolDirectory)).toHaveLength(1);
    });
  });

  it('may list plain layers as sources (docker save from 25 on)', async () => {
    const diffId = digestOf(layer);
    const name = `blobs/sha256/${diffId.slice(7)}`;
    await archiveOf(
      [{ name: 'blobs/' }, ''],
      [{ name }, layer],
      [{ name: 'blobs/sha256/c' }, config],
      [{ name: 'index.json' }, '{}'],
      manifest({
        Config: 'blobs/sha256/c',
        RepoTags: null,
        Layers: [name, name],
        LayerSources: { [diffId]: { mediaType: mediaTypes.ociLayer, digest: diffId, size: layer.length } },
      }),
    );
    await using(async (archive) => {
      const { layers } = await manifestOf(archive, await archive.resolveSingle());
      expect(layers.map(({ mediaType }) => mediaType)).toEqual([
        mediaTypes.dockerLayerGzip,
        mediaTypes.dockerLayerGzip,
      ]);
      expect(gunzipSync(await read(archive, layers[0] as Descriptor)).equals(layer)).toBe(true);
    });
  });

  it.each([
    ['is not in the archive where it is foreign', mediaTypes.dockerForeignLayerGzip, true],
    ['is compressed again where it is not', mediaTypes.dockerLayerGzip, false],
  ])('may have a layer plain whose source is compressed, which %s', async (_, mediaType, isKept) => {
    const bytes = gzipSync(layer);
    const source = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await archiveOf(
      [{ name: 'l/layer.tar' }, layer],
      [{ name: 'c' }, config],
      manifest({
        Config: 'c',
        RepoTags: null,
        Layers: ['l/layer.tar', 'l/layer.tar'],
        LayerSources: { [digestOf(layer)]: source },
      }),
    );
    await using(async (archive) => {
      const { layers } = await manifestOf(archive, await archive.resolveSingle());
      const [first] = layers as [Descriptor];
      expect(first).toMatchObject(isKept ? source : { mediaType });
      if (isKept) return expect(read(archive, first)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(gunzipSync(await read(archive, first)).equals(layer)).toBe(true);
    });
  });

  it('may mix compressed layers with plain ones', async () => {
    await archiveOf(
      [{ name: 'a.tar.gz' }, gzipSync(layer)],
      [{ name: 'b.tar' }, layer],
      [{ name: 'c' }, config],
      manifest({ Config: './c', Layers: ['/a.tar.gz', 'b.tar'] }),
    );
    await using(async (archive) => {
      const { layers } = await manifestOf(archive, await archive.resolveSingle());
      for (const target of layers) expect(gunzipSync(await read(archive, target)).equals(layer)).toBe(true);
    });
  });

  it('may hold an artifact, whose config lists no layers', async () => {
    await archiveOf([{ name: 'l' }, gzipSync('x')], [{ name: 'c' }, '{}'], manifest({ Config: 'c', Layers: ['l'] }));
    await using(async (archive) => {
      expect((await manifestOf(archive, await archive.resolveSingle())).layers).toHaveLength(1);
    });
  });
});

describe('a bad archive', () => {
  const empty = '{"rootfs":{"diff_ids":[]}}';
  const one = JSON.stringify({ rootfs: { diff_ids: [digestOf(Buffer.from('layer'))] } });

  it.each(['../x', 'a/../../x', '..'])('that names %j is refused, and nothing outside is looked at', async (name) => {
    await archiveOf([{ name: 'c' }, one], manifest({ Config: name, Layers: [] }));
    await expect(single()).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      message: expect.stringContaining(JSON.stringify(name)) as string,
    });
    await archiveOf([{ name: 'c' }, one], manifest({ Config: 'c', Layers: [name] }));
    await expect(single()).rejects.toThrow('leads out of the archive');
  });

  it.each<readonly [string, (readonly [TarFields, string | Uint8Array])[], string]>([
    ['lacks its manifest', [[{ name: 'c' }, one]], 'it has no manifest.json'],
    ['has a manifest that is no JSON', [[{ name: 'manifest.json' }, '[{']], 'is not JSON'],
    [
      'has a manifest of another shape',
      [[{ name: 'manifest.json' }, '[{"Layers":1}]']],
      '[0].Config should be a string',
    ],
    ['lacks a config', [manifest({ Config: 'c', Layers: [] })], 'names the file "c", which is not in the archive'],
    ['lacks a layer', [[{ name: 'c' }, one], manifest({ Config: 'c', Layers: ['l'] })], 'names the file "l"'],
    ['has a config that is no JSON', [[{ name: 'c' }, '{'], manifest({ Config: 'c', Layers: [] })], 'is not JSON'],
    [
      'has too few layers',
      [[{ name: 'c' }, one], manifest({ Config: 'c', Layers: [] })],
      'lists 0 layers, but the config "c" has 1 diff IDs',
    ],
    [
      'has too many layers',
      [[{ name: 'c' }, empty], [{ name: 'l' }, 'x'], manifest({ Config: 'c', Layers: ['l'] })],
      'lists 1 layers, but the config "c" has 0 diff IDs',
    ],
    [
      'has another layer than its config says',
      [[{ name: 'c' }, one], [{ name: 'l' }, 'other'], manifest({ Config: 'c', Layers: ['l'] })],
      'is not the one that the config lists',
    ],
    [
      'links in circles',
      [[{ name: 'c', type: 'symlink', linkname: 'c' }, ''], manifest({ Config: 'c', Layers: [] })],
      'form a cycle',
    ],
    ['holds no image', [[{ name: 'manifest.json' }, '[]']], 'holds no image'],
  ])('that %s says so', async (_, entries, message) => {
    await archiveOf(...entries);
    await expect(single()).rejects.toThrow(message);
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it('with a second image that states another diff ID for the same layer is found out, too', async () => {
    const other = JSON.stringify({ rootfs: { diff_ids: [digestOf(Buffer.from('other'))] } });
    await archiveOf(
      [{ name: 'a' }, one],
      [{ name: 'b' }, other],
      [{ name: 'l' }, 'layer'],
      [
        { name: 'manifest.json' },
        JSON.stringify([
          { Config: 'a', RepoTags: ['app:a'], Layers: ['l'] },
          { Config: 'b', RepoTags: ['app:b'], Layers: ['l'] },
        ]),
      ],
    );
    await using(async (archive) => {
      await archive.resolve('app:a');
      await expect(archive.resolve('app:b')).rejects.toThrow('is not the one that the config lists');
    });
  });

  it('that is cut or no tar says so', async () => {
    await archiveOf(
      [{ name: 'c' }, one],
      [{ name: 'l' }, Buffer.alloc(5000)],
      manifest({ Config: 'c', Layers: ['l'] }),
    );
    const whole = await collect(await readFileStream(path), 1e6);
    await writeFile(path, whole.subarray(0, 3000));
    await expect(single()).rejects.toThrow('cut short');
    await writeFile(path, gzipSync(whole).subarray(0, 150));
    await expect(single()).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    await writeFile(path, 'no tar');
    await expect(single()).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    await expect(openDockerArchive(join(root, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('whose manifest is enormous is not read', async () => {
    await archiveOf([{ name: 'manifest.json' }, Buffer.alloc(9 * 1024 * 1024, ' ')]);
    await expect(single()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('that changes after it was opened is found out by its digests', async () => {
    const artifact = await goldenImage('app', 'docker');
    await writeDockerArchive([{ artifact, name: 'app' }], path);
    await using(async (archive) => {
      const { layers } = await manifestOf(archive, await archive.resolveSingle());
      const bytes = await collect(await readFileStream(path), 1e7);
      await writeFile(path, Buffer.alloc(bytes.length, 7));
      await expect(read(archive, layers[0] as Descriptor)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });
});

it('stops when its signal aborts', async () => {
  const artifact = await goldenImage('app', 'docker');
  await writeDockerArchive([{ artifact, name: 'app' }], path);
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await expect(openDockerArchive(path, { signal })).rejects.toBe(reason);
  await using(async (archive) => {
    await expect(archive.resolveSingle({ signal })).rejects.toBe(reason);
    expect((await archive.resolveSingle()).digest).toBe(artifact.root.digest);
  });
});

const parts: Uint8Array[] = [];

async function single(): Promise<Descriptor | undefined> {
  let found: Descriptor | undefined;
  await using(async (archive) => {
    found = await archive.resolveSingle();
  });
  return found;
}

async function using(use: (archive: DockerArchive) => Promise<void>): Promise<void> {
  const archive = await openDockerArchive(path, { spoolDirectory });
  try {
    await use(archive);
  } finally {
    await archive[Symbol.asyncDispose]();
  }
}

async function manifestOf(archive: DockerArchive, target: Descriptor): Promise<ImageManifest> {
  return JSON.parse((await read(archive, target)).toString()) as ImageManifest;
}

async function read(archive: DockerArchive, target: Descriptor): Promise<Buffer> {
  return Buffer.from(await collect(await archive.fetch(target), 1e7));
}

async function imageOf(
  layer: Uint8Array,
  mediaType: string,
  diffId: string,
  urls?: readonly string[],
): Promise<{ readonly store: MemoryStore; readonly root: Descriptor }> {
  const store = new MemoryStore();
  const isOci = mediaType.includes('oci');
  const type = isOci ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const configType = isOci ? mediaTypes.ociConfig : mediaTypes.dockerConfig;
  const config = await store.add(
    Buffer.from(JSON.stringify({ rootfs: { diff_ids: [parseDigest(diffId)] } })),
    configType,
  );
  const described = await store.add(layer, mediaType);
  const ordered = ({ mediaType, size, digest }: Descriptor): object => ({
    mediaType,
    size,
    digest,
    urls: mediaType === configType ? undefined : urls,
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: ordered(config),
    layers: [ordered(described)],
  });
  return { store, root: await store.add(Buffer.from(text), type) };
}

function manifest(entry: object): readonly [TarFields, string] {
  return [{ name: 'manifest.json' }, JSON.stringify([entry])];
}

async function archiveOf(...entries: readonly (readonly [TarFields, string | Uint8Array])[]): Promise<void> {
  const blocks = entries.flatMap(([header, body]) => [
    encodeTarHeader({ ...header, size: body.length }),
    Buffer.from(body),
    tarPadding(body.length),
  ]);
  await writeFile(path, Buffer.concat([...blocks, tarTrailer]));
}
