import { describe, expect, it } from 'vitest';
import { blobOf, noise } from '../../test/conformance/samples.ts';
import {
  bytesOf,
  expectBytes,
  headersOf,
  pushBlob,
  type Send,
  senderOf,
  storages,
} from '../../test/support/registry-requests.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { RegistryOptions } from './registry.ts';

describe.each(storages)('the blobs of a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

  it('end-2: sends a blob, its head, and parts of it', async () => {
    const send = await start();
    const blob = blobOf(noise(200_000));
    await pushBlob(send, 'a/b', blob);
    const path = `/v2/a/b/blobs/${blob.target.digest}`;
    const whole = await send('GET', path);
    expect(whole.status).toBe(200);
    expect(headersOf(whole)).toMatchObject({
      'content-length': '200000',
      'content-type': mediaTypes.octetStream,
      'docker-content-digest': blob.target.digest,
      'accept-ranges': 'bytes',
    });
    await expectBytes(whole, blob.bytes);
    const head = await send('HEAD', path);
    expect([head.status, head.headers.get('content-length'), head.body]).toEqual([200, '200000', null]);
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=100-1099', 100, 1100],
      ['bytes=199999-', 199_999, 200_000],
      ['bytes=-500', 199_500, 200_000],
    ] as const) {
      const part = await send('GET', path, { headers: { range } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/200000`);
      expect(part.headers.get('content-length')).toBe(String(to - from));
      await expectBytes(part, blob.bytes.subarray(from, to));
    }
    const beyond = await send('GET', path, { headers: { range: 'bytes=200000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */200000']);
    const several = await send('GET', path, { headers: { range: 'bytes=0-1,5-6' } });
    expect([several.status, (await bytesOf(several)).byteLength]).toEqual([200, 200_000]);
  });

  it('end-10: deletes a blob from one repository', async () => {
    const send = await start();
    const blob = blobOf('shared');
    await pushBlob(send, 'a', blob);
    await pushBlob(send, 'b', blob);
    const path = `/v2/a/blobs/${blob.target.digest}`;
    expect((await send('DELETE', path)).status).toBe(202);
    expect((await send('GET', path)).status).toBe(404);
    expect((await send('DELETE', path)).status).toBe(404);
    await expectBytes(await send('GET', `/v2/b/blobs/${blob.target.digest}`), blob.bytes);
  });
});
