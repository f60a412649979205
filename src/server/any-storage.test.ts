import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, noise } from '../../test/conformance/samples.ts';
import {
  expectBytes,
  expectError,
  pushBlob,
  pushImage,
  referrersOf,
  type Send,
  senderOf,
} from '../../test/support/registry-requests.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { createLayout } from '../layout/layout-store.ts';
import { MemoryStore } from '../store/memory.ts';
import type { ContentStore } from '../store/store.ts';
import { storageOf } from './any-storage.ts';

describe('a registry over a store that can do less', () => {
  const plain = (): Send => {
    const store = new MemoryStore();
    const less: ContentStore = {
      resolve: (...call) => store.resolve(...call),
      stat: (...call) => store.stat(...call),
      fetch: (...call) => store.fetch(...call),
      push: (...call) => store.push(...call),
      tag: (...call) => store.tag(...call),
    };
    return senderOf(storageOf((name) => (name === 'a' ? less : undefined)));
  };

  it('says what it does not support', async () => {
    const send = plain();
    const image = await pushImage(send, 'a', imageOf('x', { subject: imageOf('y').target }), 'x');
    expect(image.response.headers.has('oci-subject')).toBe(false);
    await expectError(await send('GET', '/v2/a/tags/list'), 405, 'UNSUPPORTED');
    await expectError(await send('GET', '/v2/_catalog'), 405, 'UNSUPPORTED');
    await expectError(await send('DELETE', '/v2/a/manifests/x'), 405, 'UNSUPPORTED');
    expect((await send('GET', `/v2/a/referrers/${image.target.digest}`)).status).toBe(404);
  });

  it('cuts ranges out of the whole', async () => {
    const send = plain();
    const blob = blobOf(noise(1000));
    await pushBlob(send, 'a', blob);
    const part = await send('GET', `/v2/a/blobs/${blob.target.digest}`, { headers: { range: 'bytes=10-19' } });
    await expectBytes(part, blob.bytes.subarray(10, 20));
  });

  it('does not let clients create repositories that it has no store for', async () => {
    await expectError(await plain()('POST', '/v2/b/blobs/uploads/'), 404, 'NAME_UNKNOWN');
  });
});

it('a registry over a layout lists referrers that were pushed to it', async () => {
  const layout = await createLayout(await testDirectory());
  const send = senderOf(storageOf(() => layout));
  const { target } = imageOf('subject');
  const seal = await pushImage(send, 'a', imageOf('seal', { subject: target }));
  expect(await referrersOf(send, 'a', target.digest)).toMatchObject([{ digest: seal.target.digest }]);
});
