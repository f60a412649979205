import { expect, it } from 'vitest';
import { simulateRegistry } from '../simulated-registry/simulate.ts';
import { imageOf, pushImage } from '../conformance/samples.ts';
import { craneInProcess } from '../support/in-process.ts';
import { testDirectory } from '../support/test-directory.ts';

const image = imageOf('waited for');

it.each([
  ['an upload', 'PUT', /blobs\/uploads\//],
  ['a download', 'GET', /blobs\/sha256:/],
  ['a manifest', 'GET', /manifests\//],
])('that %s is waited for is told, with how long and why, also where no progress is shown', async (_, method, path) => {
  await using registry = await simulateRegistry({ anonymous: { pull: ['*'], push: ['*'] } });
  const store = await registry.content('app');
  await pushImage(store, image, 'v1');
  let limited = false;
  registry.fault = (request) => {
    if (limited || request.method !== method || !path.test(request.path)) return undefined;
    limited = true;
    return { status: 429, retryAfter: '1' };
  };
  // Another host name keeps the copy from being a mount.
  const target = registry.host.replace('127.0.0.1', 'localhost');
  const { code, stderr } = await craneInProcess(['copy', `${registry.host}/app:v1`, `${target}/copy:v1`], {
    home: await testDirectory(),
  });
  expect(stderr).toMatch(/retrying in 1\.0 s: .*429 Too Many Requests/);
  expect(stderr.match(/retrying/g)).toHaveLength(1);
  expect(code).toBe(0);
});
