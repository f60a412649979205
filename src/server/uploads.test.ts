import { describe, expect, it } from 'vitest';
import { blobOf, noise } from '../../test/conformance/samples.ts';
import {
  breakingStream,
  expectBytes,
  expectError,
  locationOf,
  ownStorages,
  pushBlob,
  type Send,
  senderOf,
  storages,
  streamOf,
} from '../../test/support/registry-requests.ts';
import { digestOf } from '../content/hash.ts';
import type { RegistryOptions } from './registry.ts';

describe.each(storages)('uploads to a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

  it('end-4a and end-6: takes a blob with POST and PUT', async () => {
    const send = await start();
    const blob = blobOf('two requests');
    const started = await send('POST', '/v2/a/blobs/uploads/');
    expect([started.status, started.headers.get('range')]).toEqual([202, '0-0']);
    const location = locationOf(started);
    const done = await send('PUT', `${location}?digest=${blob.target.digest}`, { body: blob.bytes });
    expect([done.status, locationOf(done)]).toEqual([201, `/v2/a/blobs/${blob.target.digest}`]);
    expect(done.headers.get('docker-content-digest')).toBe(blob.target.digest);
    await expectBytes(await send('GET', locationOf(done)), blob.bytes);
    expect((await send('GET', location)).status).toBe(404);
  });

  it('end-4b: takes a blob with one POST', async () => {
    const send = await start();
    const blob = blobOf('one request');
    const done = await send('POST', `/v2/a/blobs/uploads/?digest=${blob.target.digest}`, { body: blob.bytes });
    expect([done.status, locationOf(done)]).toEqual([201, `/v2/a/blobs/${blob.target.digest}`]);
  });

  it('end-4c: takes blobs by sha512, announced or not', async () => {
    const send = await start();
    const bytes = noise(70_000, 5);
    const digest = digestOf(bytes, 'sha512');
    for (const query of ['', '?digest-algorithm=sha512']) {
      const location = locationOf(await send('POST', `/v2/a/blobs/uploads/${query}`));
      expect((await send('PUT', `${location}?digest=${digest}`, { body: bytes })).status).toBe(201);
      await expectBytes(await send('GET', `/v2/a/blobs/${digest}`), bytes);
    }
    await expectError(await send('POST', '/v2/a/blobs/uploads/?digest-algorithm=md5'), 400, 'DIGEST_INVALID');
  });

  it('end-5 and end-13: takes chunks in order, and says where it stands when they are not', async () => {
    const send = await start();
    const blob = blobOf(noise(3000));
    let location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    const chunk = (from: number, to: number): Promise<Response> =>
      send('PATCH', location, {
        headers: { 'content-range': `${from}-${to - 1}` },
        body: blob.bytes.subarray(from, to),
      });
    await expectError(await chunk(1000, 2000), 416, 'BLOB_UPLOAD_INVALID');
    const first = await chunk(0, 1000);
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-999']);
    location = locationOf(first);
    const wrong = await chunk(2000, 3000);
    expect([wrong.headers.get('range'), locationOf(wrong)]).toEqual(['0-999', location]);
    expect(wrong.headers.get('content-length')).toBe(String((await wrong.arrayBuffer()).byteLength));
    const status = await send('GET', location);
    expect([status.status, status.headers.get('range'), locationOf(status)]).toEqual([204, '0-999', location]);
    expect((await chunk(1000, 2000)).headers.get('range')).toBe('0-1999');
    const done = await send('PUT', `${location}?digest=${blob.target.digest}`, {
      headers: { 'content-range': '2000-2999' },
      body: blob.bytes.subarray(2000),
    });
    expect(done.status).toBe(201);
    await expectBytes(await send('GET', locationOf(done)), blob.bytes);
  });

  it('refuses a chunk whose range is malformed or not as long as its body', async () => {
    const send = await start();
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    const patch = (range: string, body: Uint8Array | ReadableStream<Uint8Array>): Promise<Response> =>
      send('PATCH', location, { headers: { 'content-range': range }, body });
    await expectError(await patch('x', noise(10)), 400, 'BLOB_UPLOAD_INVALID');
    await expectError(await patch('0-9', streamOf(noise(11))), 400, 'SIZE_INVALID');
    await expectError(await patch('0-9', streamOf(noise(9))), 400, 'SIZE_INVALID');
  });

  it('takes a stream of unknown length, and further ones behind it', async () => {
    const send = await start();
    const blob = blobOf(noise(300_000, 3));
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    await send('PATCH', location, { body: streamOf(blob.bytes.subarray(0, 100_000)) });
    const second = await send('PATCH', location, { body: streamOf(blob.bytes.subarray(100_000)) });
    expect(second.headers.get('range')).toBe('0-299999');
    expect((await send('PUT', `${location}?digest=${blob.target.digest}`)).status).toBe(201);
    await expectBytes(await send('GET', `/v2/a/blobs/${blob.target.digest}`), blob.bytes);
  });

  it('keeps what came before a break, so that the client can go on', async () => {
    const send = await start();
    const blob = blobOf(noise(20_000));
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    const broken = await send('PATCH', location, { body: breakingStream(blob.bytes.subarray(0, 12_000)) });
    expect(broken.status).toBe(500);
    expect((await send('GET', location)).headers.get('range')).toBe('0-11999');
    const rest = { headers: { 'content-range': '12000-19999' }, body: blob.bytes.subarray(12_000) };
    expect((await send('PATCH', location, rest)).status).toBe(202);
    expect((await send('PUT', `${location}?digest=${blob.target.digest}`)).status).toBe(201);
  });

  it('refuses bytes that do not match their digest, and forgets them', async () => {
    const send = await start();
    const { digest } = blobOf('expected').target;
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    const body = new TextEncoder().encode('something else');
    await expectError(await send('PUT', `${location}?digest=${digest}`, { body }), 400, 'DIGEST_INVALID');
    await expectError(await send('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
    await expectError(await send('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body }), 400, 'DIGEST_INVALID');
    expect((await send('HEAD', `/v2/a/blobs/${digest}`)).status).toBe(404);
  });

  it('wants a digest to finish an upload', async () => {
    const send = await start();
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    await expectError(await send('PUT', location), 400, 'DIGEST_INVALID');
    await expectError(await send('PUT', `${location}?digest=sha256:abc`), 400, 'DIGEST_INVALID');
    expect((await send('GET', location)).status).toBe(204);
  });

  it('end-14: cancels an upload', async () => {
    const send = await start();
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    expect((await send('DELETE', location)).status).toBe(204);
    await expectError(await send('PATCH', location, { body: noise(5) }), 404, 'BLOB_UPLOAD_UNKNOWN');
    await expectError(await send('DELETE', location), 404, 'BLOB_UPLOAD_UNKNOWN');
  });

  it('knows an upload in its own repository only', async () => {
    const send = await start();
    const location = locationOf(await send('POST', '/v2/a/blobs/uploads/'));
    await expectError(await send('GET', location.replace('/v2/a/', '/v2/b/')), 404, 'BLOB_UPLOAD_UNKNOWN');
    await expectError(await send('GET', '/v2/a/blobs/uploads/..%5c..%5cpasswd'), 404, 'BLOB_UPLOAD_UNKNOWN');
  });

  it('end-11: starts an upload where it cannot mount', async () => {
    const send = await start();
    const { digest } = blobOf('nowhere').target;
    await pushBlob(send, 'b', blobOf('other'));
    for (const query of [`mount=${digest}`, `mount=${digest}&from=b`, `mount=${digest}&from=unknown`]) {
      const response = await send('POST', `/v2/a/blobs/uploads/?${query}`);
      expect(response.status).toBe(202);
      expect((await send('GET', locationOf(response))).status).toBe(204);
    }
    await expectError(await send('POST', '/v2/a/blobs/uploads/?mount=x&from=b'), 400, 'DIGEST_INVALID');
    await expectError(await send('POST', `/v2/a/blobs/uploads/?mount=${digest}&from=../b`), 400, 'NAME_INVALID');
  });
});

describe.each(ownStorages)('mounting, over %s', (_, open) => {
  it('end-11: mounts a blob of another repository', async () => {
    const send = senderOf(await open());
    const blob = blobOf(noise(100_000));
    await pushBlob(send, 'from/here', blob);
    const { digest } = blob.target;
    expect((await send('GET', `/v2/to/there/blobs/${digest}`)).status).toBe(404);
    const mounted = await send('POST', `/v2/to/there/blobs/uploads/?mount=${digest}&from=from/here`);
    expect([mounted.status, locationOf(mounted)]).toEqual([201, `/v2/to/there/blobs/${digest}`]);
    await send('DELETE', `/v2/from/here/blobs/${digest}`);
    await expectBytes(await send('GET', locationOf(mounted)), blob.bytes);
  });
});
