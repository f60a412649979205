import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { craneCommand, runCrane } from '../../../test/support/crane-command.ts';
import {
  annotationsIn,
  configIn,
  entriesIn,
  imageRegistry,
  platformImage,
  platformIndex,
  settingsIn,
} from '../../../test/support/image-registry.ts';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openDockerArchive } from '../../archive/docker-archive.ts';
import { openOciArchive } from '../../archive/oci-archive.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { imageManifestOf } from '../../ops/read.ts';
import { validate } from '../../ops/validate.ts';
import { copyGraph } from '../../ops/copy.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Artifact } from '../../store/artifact.ts';

const images = imageRegistry();
const { printed: mutate, refusal } = craneCommand('mutate');

interface Listed {
  readonly platform: string;
  readonly labels: unknown;
  readonly annotations: unknown;
}

/** What the images of an index say. */
async function listed({ store, root }: Artifact): Promise<readonly Listed[]> {
  return Promise.all(
    (await entriesIn({ store, root })).map(async ({ platform, ...target }) => {
      const child = { store, root: target };
      const { Labels: labels } = (await settingsIn(child)) as { readonly Labels?: unknown };
      const annotations = await annotationsIn(child);
      return { platform: platform === undefined ? '' : formatPlatform(platform), labels, annotations };
    }),
  );
}

it('edits each of its images, and never puts one in its place', async () => {
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
  const printed = await mutate(name, '-l', 'a=1');
  const after = await images.get();
  expect(after.root.mediaType).toBe(mediaTypes.ociIndex);
  expect(printed).toBe(`${images.host}/app@${after.root.digest}`);
  expect(await listed(after)).toEqual([
    { platform: 'linux/amd64', labels: { a: '1' } },
    { platform: 'linux/arm64', labels: { a: '1' } },
  ]);
  expect(await validate(after)).toEqual([]);
});

it('edits only the images for --platform, which may be several', async () => {
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64', 'linux/s390x'));
  await mutate(name, '-l', 'a=1', '--platform', 'linux/arm64');
  expect((await listed(await images.get())).map(({ labels }) => labels)).toEqual([undefined, { a: '1' }, undefined]);
  await mutate(name, '-l', 'b=1', '--platform', 'linux/amd64,linux/s390x');
  expect((await listed(await images.get())).map(({ labels }) => labels)).toEqual([{ b: '1' }, { a: '1' }, { b: '1' }]);
  expect(await refusal(name, '-l', 'b=1', '--platform', 'linux/riscv64')).toContain(
    'Available platforms: linux/amd64, linux/arm64, linux/s390x',
  );
});

it('annotates the index, with --platform the images, or what --annotate says', async () => {
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
  const annotated = async (...args: readonly string[]): Promise<readonly unknown[]> => {
    await mutate(name, ...args, '-t', `${images.host}/app:annotated`);
    const after = await images.get('annotated');
    return [await annotationsIn(after), ...(await listed(after)).map(({ annotations }) => annotations)];
  };
  const k = { k: 'v' };
  expect(await annotated('-a', 'k=v')).toEqual([k, undefined, undefined]);
  expect(await annotated('-a', 'k=v', '--platform', 'linux/arm64')).toEqual([undefined, undefined, k]);
  expect(await annotated('-a', 'k=v', '--annotate', 'images')).toEqual([undefined, k, k]);
  expect(await annotated('-a', 'k=v', '--annotate', 'all', '-l', 'a=b')).toEqual([k, k, k]);
  const both = ['-l', 'a=b', '--platform', 'linux/amd64', '--annotate', 'index'];
  expect(await annotated('-a', 'k=v', ...both)).toEqual([k, undefined, undefined]);
  expect(await refusal(await images.put(await platformImage(), 'one'), '-a', 'k=v', '--annotate', 'index')).toContain(
    'no index to annotate',
  );
});

it('gives one of its images another platform, and not several the same', async () => {
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
  const message = await refusal(name, '--set-platform', 'linux/arm/v7');
  expect(message).toContain('several images of the index would all be for linux/arm/v7');
  expect(message).toContain('--platform');
  await mutate(name, '--set-platform', 'linux/arm/v7', '--platform', 'linux/arm64');
  expect((await listed(await images.get())).map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm/v7']);
});

it('puts layers on each of its images, those for Windows in their form', async () => {
  const path = join(await testDirectory(), 'layer.tar.gz');
  await writeFile(path, gzipSync(tarOf({ 'etc/motd': 'hello' })));
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64', 'windows/amd64'));
  await mutate(name, '--append', path, '-l', 'a=1');
  const after = await images.get();
  expect(await validate(after)).toEqual([]);
  const roots = await entriesIn(after);
  const made = await Promise.all(roots.map((root) => imageManifestOf({ store: after.store, root })));
  const added = made.map(({ layers }) => layers[1]?.digest);
  expect(added[0]).toBe(added[1]);
  expect(added[2]).not.toBe(added[0]);
  const message = await runCrane(['mutate', name, '--append', '-'], { input: 'not a tar' });
  expect(message.code).toBe(1);
});

it('becomes one image in a docker tarball, and stays an index in an OCI archive or layout', async () => {
  const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
  const [directory, digest] = [await testDirectory(), (await images.get()).root.digest];
  expect(await mutate(name, '-l', 'a=1', '-o', join(directory, 'a.tar'))).toBe('');
  expect(await mutate(name, '-l', 'a=1', '-o', join(directory, 'b.tar'), '--platform', 'linux/arm64')).toBe('');
  const { stderr } = await runCrane(['mutate', name, '-a', 'k=v', '-o', join(directory, 'd.tar')]);
  expect(stderr).toContain('Docker tarballs have no place for annotations');
  for (const [file, architecture] of [
    ['a.tar', 'amd64'],
    ['b.tar', 'arm64'],
  ] as const) {
    await using archive = await openDockerArchive(join(directory, file));
    const found = await configIn({ store: archive, root: await archive.resolve(name) });
    expect(found).toMatchObject({ architecture, config: { Labels: { a: '1' } } });
  }
  await mutate(name, '-l', 'a=1', '-o', `oci-archive:${join(directory, 'c.tar')}`);
  await using archive = await openOciArchive(join(directory, 'c.tar'));
  expect(await listed({ store: archive, root: await archive.resolveSingle() })).toHaveLength(2);
  await mutate(name, '-l', 'a=1', '-o', `oci:${join(directory, 'layout')}:v1`);
  const layout = await openLayout(join(directory, 'layout'));
  expect(await listed({ store: layout, root: await layout.resolve('v1') })).toHaveLength(2);
  expect((await images.get()).root.digest).toBe(digest);
});

it('leaves artifacts among its images alone, but for their annotations, and refuses where there are no others', async () => {
  const types = { manifest: mediaTypes.ociManifest, config: 'application/vnd.example.config' };
  const [artifact, one] = [await imageOfDocuments('not JSON', {}, types), await platformImage()];
  const store = new MemoryStore();
  for (const { store: from, root } of [artifact, one]) await copyGraph(from, store, root);
  const index = async (...manifests: readonly Descriptor[]): Promise<Artifact> => {
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    return { store, root: await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex) };
  };
  const mixed = await images.put(await index(one.root, artifact.root));
  await mutate(mixed, '-l', 'a=1', '-a', 'k=v', '--annotate', 'images', '--set-platform', 'linux/arm64');
  const after = await images.get();
  const [image = one.root, other = one.root] = await entriesIn(after);
  expect(await configIn({ ...after, root: image })).toMatchObject({
    architecture: 'arm64',
    config: { Labels: { a: '1' } },
  });
  expect(other.platform).toBeUndefined();
  expect((await imageManifestOf({ ...after, root: other })).config).toEqual((await imageManifestOf(artifact)).config);
  expect(await annotationsIn({ ...after, root: other })).toEqual({ k: 'v' });
  expect(await refusal(await images.put(await index(artifact.root), 'none'), '-l', 'a=1')).toContain(
    'lists no image whose config could be edited',
  );
});
