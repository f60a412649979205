import { expect, it } from 'vitest';
import { emptyImage, emptyIndex } from './empty.ts';
import { configOf, imageManifestOf, manifestOf } from './read.ts';

it('the empty image has the digests of crane in both formats', async () => {
  const docker = await emptyImage();
  expect(docker.root.digest).toBe('sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4');
  expect((await imageManifestOf(docker)).config.digest).toBe(
    'sha256:5b943e2b943f6c81dbbd4e2eca5121f4fcc39139e3d1219d6d89bd925b77d9fe',
  );
  expect((await emptyImage({ format: 'oci' })).root.digest).toBe(
    'sha256:3d56b3c004797db33c7f771a2194d4c43a6cb740954863530b45f471da48cc08',
  );
});

it('the empty image has no layers and no diff IDs', async () => {
  const image = await emptyImage();
  expect((await imageManifestOf(image)).layers).toEqual([]);
  expect((await configOf(image)).rootfs.diff_ids).toEqual([]);
});

it('the empty index has the digests of crane in both formats', async () => {
  expect((await emptyIndex()).root.digest).toBe(
    'sha256:dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2',
  );
  const docker = await emptyIndex({ format: 'docker' });
  expect(docker.root.digest).toBe('sha256:9d23fb26fef6bd93a9ec12b89d4674b270a7a54cb09dfed6933c0abcacddfc0f');
  expect((await manifestOf(docker)).kind).toBe('index');
});
