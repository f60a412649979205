import { symlink } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeTarHeader } from '../../../src/content/tar/encode-header.ts';
import { blobOf } from '../../conformance/samples.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { blobPath, dockerTarball, hexOf, layeredImage, layoutFiles, tarOf } from '../../support/sample-image.ts';
import { expectRefused, workplace } from '../../support/workplace.ts';

// Nothing listens there: an archive that is wrong has to be refused before anything is sent.
const target = '127.0.0.1:1/x:v1';

type Row = readonly [title: string, ...Rest];
type Rest = readonly [archive: Uint8Array, ...says: (string | RegExp)[]];

const image = layeredImage('bad', { layers: ['gzip', 'none'], size: 3000 });
const other = layeredImage('other');
const docker = dockerTarball({ 'app:v1': image });
const oci = tarOf(layoutFiles([image, ...image.blobs], { v1: image }));
const layer = image.layers[0] ?? image;

function withManifest(manifest: unknown): Buffer {
  const [plain] = [image.layers[1] ?? image];
  return tarOf({
    'config.json': image.config.bytes,
    'a.tar': layer.bytes,
    'b.tar': plain.bytes,
    'manifest.json': typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
  });
}

const right = { Config: 'config.json', RepoTags: ['app:v1'], Layers: ['a.tar', 'b.tar'] };

describe('archives that cannot be right are refused', () => {
  describe.each(
    titled([
      ['that is empty', Buffer.alloc(0), 'empty'],
      ['that is text', Buffer.from('this is no archive, really\n'.repeat(100)), 'tar'],
      ['that is one zero block', Buffer.alloc(512), 'empty'],
      ['that is gzip of junk', gzipSync(Buffer.from('junk '.repeat(1000))), 'tar'],
      ['that is gzip and cut', gzipSync(docker).subarray(0, 300), /cut|end/],
      ['that is gzip with a wrong checksum', corrupted(gzipSync(docker), -8), 'gzip'],
      ['that says it is zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4, 5, 6, 7]), 'zstd'],
      ['that is cut in a header', docker.subarray(0, 300), 'not a tar archive'],
      ['that is cut in a body', docker.subarray(0, docker.length - 3000), /cut|end|manifest\.json/],
      ['that is cut before its manifest', docker.subarray(0, 512 + 1024), 'cut short'],
      ['that has a header with a wrong checksum', corrupted(docker, 10), 'not a tar archive'],
      ['without a manifest', tarOf({ hello: 'x' }), 'manifest.json'],
      ['with a manifest that is not JSON', withManifest('{nope'), 'manifest.json', 'JSON'],
      ['with a manifest that is no list', withManifest({ a: 1 }), 'manifest.json', /list|array/],
      ['with an empty manifest', withManifest([]), 'no image'],
      ['with a manifest without a config', withManifest([{ Layers: [] }]), 'manifest.json', 'Config'],
      ['that names a config above it', withManifest([{ ...right, Config: '../x' }]), '"../x"'],
      ['that names a layer above it', withManifest([{ ...right, Layers: ['../x', 'b.tar'] }]), '"../x"'],
      ['that names an absolute layer', withManifest([{ ...right, Layers: ['/etc/passwd', 'b.tar'] }]), '"/etc/passwd"'],
      ['that names a layer it has not', withManifest([{ ...right, Layers: ['a.tar', 'c.tar'] }]), '"c.tar"'],
      ['with a layer too few', withManifest([{ ...right, Layers: ['a.tar'] }]), '1 layer', '2 diff IDs'],
      ['with layers in the wrong order', withManifest([{ ...right, Layers: ['b.tar', 'a.tar'] }]), /"[ab]\.tar"/],
      [
        'with a config that is not JSON',
        tarOf({ c: 'nope', 'manifest.json': JSON.stringify([{ Config: 'c', Layers: [] }]) }),
        'JSON',
        /config/i,
      ],
      [
        'with a manifest that is a link out of it',
        Buffer.concat([
          encodeTarHeader({ name: 'manifest.json', type: 'symlink', linkname: '../../etc/passwd', size: 0 }),
          Buffer.alloc(1024),
        ]),
        'manifest.json',
        /link|out/,
      ],
      [
        'with a manifest that is a link to itself',
        Buffer.concat([
          encodeTarHeader({ name: 'manifest.json', type: 'symlink', linkname: 'manifest.json', size: 0 }),
          Buffer.alloc(1024),
        ]),
        'manifest.json',
        /link|circle/,
      ],
    ]),
  )('an archive %s', (_, [bytes, ...says]) => {
    const files = { 'image.tar': bytes };

    it('by push', async () => {
      await expectRefused({ args: ['push', 'image.tar', target], files, says: ['image.tar', ...says] });
    });

    it('by validate, as its verdict where the archive as such can be read', async () => {
      await using place = await workplace(files);
      const result = await place.crane(['validate', '--tarball', 'image.tar']);
      const verdict = result.stdout.replace(/^FAIL: /, 'Error: ');
      if (verdict !== '') expect(result.stderr).toBe('Error: image.tar is not valid: 1 problem, listed above\n');
      expectRefusal({ ...result, stdout: '', stderr: verdict === '' ? result.stderr : verdict }, 'image.tar', ...says);
    });

    it('by push from standard input', async () => {
      await expectRefused({ args: ['push', '-', target], input: bytes, says: ['standard input', ...says] });
    });
  });

  it('an archive with several images, by a push that names none', async () => {
    const files = { 'image.tar': dockerTarball({ 'app:v1': image, 'app:v2': other }) };
    await expectRefused({ args: ['push', 'image.tar', target], files, says: ['image.tar', '2 images'] });
    await expectRefused({
      args: ['push', '-', target],
      input: files['image.tar'],
      says: ['standard input', '2 images'],
    });
  });

  it.each([
    ['a name that is not there', 'docker-archive:image.tar:app:v2', ['"app:v2"', 'image.tar']],
    ['a digest that is not there', `docker-archive:image.tar@${other.target.digest}`, [other.target.digest]],
    ['a docker archive called an OCI one', 'oci-archive:image.tar', ['image.tar', 'index.json']],
  ])('%s', async (_, source, says) => {
    await expectRefused({ args: ['copy', source, 'oci:out'], files: { 'image.tar': docker }, says });
  });

  it.each<readonly [string, Record<string, string | Uint8Array>, readonly string[]]>([
    ['without index.json', { 'oci-layout': '{}' }, ['index.json']],
    ['with index.json that is not JSON', { 'index.json': '{' }, ['index.json', 'JSON']],
    [
      'without a blob',
      layoutFiles([image, ...image.blobs.filter((blob) => blob !== layer)], { v1: image }),
      [layer.target.digest],
    ],
    [
      'with a blob of another size',
      { ...layoutFiles([image, ...image.blobs], { v1: image }), [blobPath(layer)]: 'short' },
      [layer.target.digest],
    ],
    [
      'with a manifest that is another',
      { ...layoutFiles([image, ...image.blobs], { v1: image }), [blobPath(image)]: corrupted(image.bytes, 20) },
      [image.target.digest],
    ],
  ])('an OCI archive %s', async (_, content, says) => {
    const files = { 'image.tar': tarOf(content) };
    await expectRefused({ args: ['copy', 'oci-archive:image.tar:v1', 'oci:out'], files, says });
    await expectRefused({ args: ['pull', 'oci-archive:image.tar:v1', 'out.tar'], files, says });
  });

  it('an OCI archive that is cut', async () => {
    for (const length of [200, 700, 2000, oci.length - 4000]) {
      const files = { 'image.tar': oci.subarray(0, length) };
      await expectRefused({ args: ['copy', 'oci-archive:image.tar:v1', 'oci:out'], files, says: ['image.tar'] });
    }
  });
});

describe('layouts that cannot be right are refused', () => {
  const good = layoutFiles([image, ...image.blobs], { v1: image });
  const without = (path: string): Record<string, Uint8Array> => {
    const { [path]: _, ...rest } = good;
    return rest;
  };

  it.each<readonly [string, Record<string, string | Uint8Array>, readonly (string | RegExp)[]]>([
    ['without index.json', without('index.json'), ['layout', 'index.json']],
    ['with index.json that is not JSON', { ...good, 'index.json': '{"a":' }, ['layout', 'index.json', 'JSON']],
    ['with an empty index.json', { ...good, 'index.json': '' }, ['layout', 'index.json']],
    ['with index.json that is a list', { ...good, 'index.json': '[]' }, ['layout', 'index.json']],
    [
      'with a digest that is none',
      { ...good, 'index.json': indexWith({ ...image.target, digest: 'sha256:../../x' }) },
      ['layout', 'sha256:../../x'],
    ],
    [
      'with a size below nothing',
      { ...good, 'index.json': indexWith({ ...image.target, size: -1 }) },
      ['layout', '-1'],
    ],
    ['of another version', { ...good, 'oci-layout': '{"imageLayoutVersion":"2.0.0"}' }, ['layout', '2.0.0']],
    ['without its manifest', without(blobPath(image)), ['layout', image.target.digest]],
    ['with a manifest of another size', { ...good, [blobPath(image)]: '{}' }, [image.target.digest]],
    [
      'with a manifest of other bytes',
      { ...good, [blobPath(image)]: corrupted(image.bytes, 20) },
      [image.target.digest],
    ],
    ['without a layer', without(blobPath(layer)), ['layout', layer.target.digest]],
    ['with a layer of another size', { ...good, [blobPath(layer)]: 'short' }, [layer.target.digest]],
    ['with a layer of other bytes', { ...good, [blobPath(layer)]: corrupted(layer.bytes, 20) }, [layer.target.digest]],
  ])('a layout %s', async (_, content, says) => {
    const files = Object.fromEntries(Object.entries(content).map(([path, bytes]) => [`layout/${path}`, bytes]));
    await expectRefused({ args: ['copy', 'oci:layout:v1', 'oci:out'], files, says });
    await expectRefused({ args: ['pull', 'oci:layout:v1', 'out.tar'], files, says });
  });

  it('a layout with several images, when one is meant', async () => {
    const content = layoutFiles([image, other, ...image.blobs, ...other.blobs], { v1: image, v2: other });
    const files = Object.fromEntries(Object.entries(content).map(([path, bytes]) => [`layout/${path}`, bytes]));
    await expectRefused({ args: ['push', 'layout', target], files, says: ['layout', '2 entries', 'v1', 'v2'] });
  });

  it('a layer that is a link out of the layout', async () => {
    const files = Object.fromEntries(
      Object.entries(without(blobPath(layer))).map(([path, b]) => [`layout/${path}`, b]),
    );
    await expectRefused({
      args: ['pull', 'oci:layout:v1', 'out.tar'],
      files: { ...files, secret: layer.bytes },
      prepare: (place) => symlink(place.file('secret'), place.file('layout', blobPath(layer))),
      says: [hexOf(layer)],
    });
  });

  it('a layout to write to whose index.json is not JSON, which stays as it was', async () => {
    const files = {
      'image.tar': docker,
      'layout/index.json': 'precious but broken',
      'layout/oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    };
    await expectRefused({
      args: ['copy', 'docker-archive:image.tar', 'oci:layout:v1'],
      files,
      says: ['index.json', 'JSON'],
    });
  });

  it('an index in an index in an index, forty times', async () => {
    // A digest cannot contain itself; the deepest honest nesting is what an attacker can do.
    let deepest = blobOf(image.bytes, image.target.mediaType);
    const all = [deepest, ...image.blobs];
    for (let depth = 0; depth < 40; depth++) {
      const mediaType = 'application/vnd.oci.image.index.v1+json';
      deepest = blobOf(
        JSON.stringify({
          schemaVersion: 2,
          mediaType,
          manifests: [deepest.target],
          annotations: { depth: String(depth) },
        }),
        mediaType,
      );
      all.push(deepest);
    }
    const content = layoutFiles(all, { v1: deepest });
    const files = Object.fromEntries(Object.entries(content).map(([path, bytes]) => [`layout/${path}`, bytes]));
    await expectRefused({ args: ['pull', 'oci:layout:v1', 'out.tar'], files, says: ['nested'] });
  });
});

function indexWith(entry: object): string {
  const annotations = { 'org.opencontainers.image.ref.name': 'v1' };
  return JSON.stringify({ schemaVersion: 2, manifests: [{ ...entry, annotations }] });
}

function corrupted(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy[place] = (copy[place] ?? 0) ^ 0xff;
  return copy;
}

function titled(rows: readonly Row[]): readonly (readonly [title: string, rest: Rest])[] {
  return rows.map(([title, ...rest]) => [title, rest]);
}
