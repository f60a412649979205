import { describe, expect, it } from 'vitest';
import { blobOf, imageOf } from '../../test/conformance/samples.ts';
import {
  expectBytes,
  expectError,
  headersOf,
  indexOf,
  locationOf,
  pushBlob,
  pushImage,
  putManifest,
  type Send,
  senderOf,
  storages,
  tagsOf,
} from '../../test/support/registry-requests.ts';
import { digestOf } from '../content/hash.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { RegistryOptions } from './registry.ts';

describe.each(storages)('the manifests of a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

  it('answers 304 to a client that has the content', async () => {
    const send = await start();
    const image = await pushImage(send, 'a', imageOf('cached'), 'x');
    const etag = `"${image.target.digest}"`;
    for (const path of ['/v2/a/manifests/x', `/v2/a/blobs/${image.blobs[0]?.target.digest}`]) {
      const first = await send('HEAD', path);
      const again = await send('GET', path, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
      expect([again.status, again.body]).toEqual([304, null]);
    }
    const other = await send('GET', '/v2/a/manifests/x', { headers: { 'if-none-match': '"other"' } });
    expect([other.status, other.headers.get('etag')]).toEqual([200, etag]);
  });

  it('end-3: sends a manifest as it was pushed, by tag and by digest', async () => {
    const send = await start();
    const image = await pushImage(send, 'a', imageOf('x'), 'v1');
    for (const reference of ['v1', image.target.digest]) {
      for (const method of ['GET', 'HEAD']) {
        const response = await send(method, `/v2/a/manifests/${reference}`, { headers: { accept: 'text/plain' } });
        expect(response.status).toBe(200);
        expect(headersOf(response)).toMatchObject({
          'content-type': mediaTypes.ociManifest,
          'content-length': String(image.bytes.byteLength),
          'docker-content-digest': image.target.digest,
        });
        await expectBytes(response, method === 'GET' ? image.bytes : []);
      }
    }
  });

  it('end-7a: takes a manifest by tag and by digest', async () => {
    const send = await start();
    const image = imageOf('put');
    for (const blob of image.blobs) await pushBlob(send, 'a', blob);
    for (const reference of ['v1', image.target.digest]) {
      const response = await putManifest(send, 'a', image, reference);
      expect(response.status).toBe(201);
      expect(locationOf(response)).toBe(`/v2/a/manifests/${image.target.digest}`);
      expect(response.headers.get('docker-content-digest')).toBe(image.target.digest);
      expect(response.headers.has('oci-subject')).toBe(false);
    }
  });

  it('end-7b: tags a manifest that comes by its digest', async () => {
    const send = await start();
    const image = await pushImage(send, 'a', imageOf('many'), undefined, '?tag=1.2&tag=1&tag=latest&tag=1');
    expect(image.response.headers.get('oci-tag')).toBe('1.2, 1, latest');
    expect(await tagsOf(send, 'a')).toEqual(['1', '1.2', 'latest']);
    const many = `?${Array.from({ length: 101 }, (_tag, i) => `tag=t${i}`).join('&')}`;
    expect((await putManifest(send, 'a', image, image.target.digest + many)).status).toBe(414);
  });

  it('takes a manifest by its sha512 digest', async () => {
    const send = await start();
    const image = await pushImage(send, 'a', imageOf('long'), 'x');
    const digest = digestOf(image.bytes, 'sha512');
    expect((await putManifest(send, 'a', image, digest)).status).toBe(201);
    expect((await send('GET', `/v2/a/manifests/${digest}`)).headers.get('docker-content-digest')).toBe(digest);
  });

  it('refuses manifests that are not what they say', async () => {
    const send = await start({ maxManifestSize: 10_000 });
    const image = await pushImage(send, 'a', imageOf('good'), 'good');
    const text = new TextDecoder().decode(image.bytes);
    const put = (body: string, type: string = mediaTypes.ociManifest, reference = 'x'): Promise<Response> =>
      send('PUT', `/v2/a/manifests/${reference}`, { headers: { 'content-type': type }, body: Buffer.from(body) });
    await expectError(await put('no json'), 400, 'MANIFEST_INVALID');
    await expectError(await put('{}'), 400, 'MANIFEST_INVALID');
    await expectError(await put('[]'), 400, 'MANIFEST_INVALID');
    await expectError(await put(`${text.slice(0, -1)},"manifests":[]}`), 400, 'MANIFEST_INVALID');
    await expectError(await put(text, mediaTypes.dockerManifest), 400, 'MANIFEST_INVALID');
    await expectError(await put(text, mediaTypes.ociIndex), 400, 'MANIFEST_INVALID');
    await expectError(await put(text, mediaTypes.ociManifest, `sha256:${'0'.repeat(64)}`), 400, 'DIGEST_INVALID');
    await expectError(await put(text, mediaTypes.ociManifest, 'sha256:0'), 400, 'DIGEST_INVALID');
    await expectError(await put(text, mediaTypes.ociManifest, '-x'), 400, 'MANIFEST_INVALID');
    await expectError(await put(text, mediaTypes.ociManifest, 'x'.repeat(129)), 400, 'MANIFEST_INVALID');
    await expectError(await put(`${text}${' '.repeat(10_000)}`), 413, 'SIZE_INVALID');
    expect((await put(text, 'application/vnd.oci.image.manifest.v1+json; charset=utf-8')).status).toBe(201);
    expect((await put(text, '')).status).toBe(201);
    expect(await tagsOf(send, 'a')).toEqual(['good', 'x']);
  });

  it('keeps the type of a manifest that does not state it', async () => {
    const send = await start();
    const { mediaType: _unsaid, ...document } = JSON.parse(new TextDecoder().decode(imageOf('old').bytes));
    for (const blob of imageOf('old').blobs) await pushBlob(send, 'a', blob);
    const old = blobOf(JSON.stringify(document), mediaTypes.dockerManifest);
    expect((await putManifest(send, 'a', old, 'old')).status).toBe(201);
    expect((await send('GET', '/v2/a/manifests/old')).headers.get('content-type')).toBe(mediaTypes.dockerManifest);
  });

  it('refuses manifests whose blobs or children are missing, unless it is sparse', async () => {
    const image = imageOf('lonely');
    const index = indexOf([image.target]);
    const strict = await start();
    await expectError(await putManifest(strict, 'a', image, 'x'), 400, 'MANIFEST_BLOB_UNKNOWN');
    await expectError(await putManifest(strict, 'a', index, 'x'), 400, 'MANIFEST_BLOB_UNKNOWN');
    const sparse = await start({ sparse: true });
    expect((await putManifest(sparse, 'a', image, 'x')).status).toBe(201);
    expect((await putManifest(sparse, 'a', index, 'y')).status).toBe(201);
  });

  it('does not miss layers that are fetched from elsewhere', async () => {
    const send = await start();
    const foreign = { ...blobOf('foreign', mediaTypes.dockerForeignLayerGzip).target, urls: ['https://example.com/x'] };
    const image = imageOf('windows', { layers: [foreign] });
    for (const blob of image.blobs) await pushBlob(send, 'a', blob);
    expect((await putManifest(send, 'a', image, 'x')).status).toBe(201);
  });

  it('end-9: deletes a tag alone, and a manifest with all its tags', async () => {
    const send = await start();
    const image = await pushImage(send, 'a', imageOf('x'), undefined, '?tag=one&tag=two&tag=three');
    expect((await send('DELETE', '/v2/a/manifests/one')).status).toBe(202);
    expect(await tagsOf(send, 'a')).toEqual(['three', 'two']);
    expect((await send('GET', `/v2/a/manifests/${image.target.digest}`)).status).toBe(200);
    expect((await send('DELETE', `/v2/a/manifests/${image.target.digest}`)).status).toBe(202);
    for (const reference of ['one', 'two', 'three', image.target.digest]) {
      await expectError(await send('GET', `/v2/a/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
      await expectError(await send('DELETE', `/v2/a/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
    }
  });
});
