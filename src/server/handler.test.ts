import { describe, expect, it } from 'vitest';
import { blobOf, imageOf, noise, type Sample, type SampleImage } from '../../test/conformance/samples.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { digestOf } from '../content/hash.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { MemoryStore } from '../store/memory.ts';
import { storageOf } from './any-storage.ts';
import { diskStorage } from './disk/disk-storage.ts';
import { registryHandler } from './handler.ts';
import { memoryStorage } from './memory-storage.ts';
import type { RegistryOptions } from './registry.ts';
import type { RegistryStorage } from './storage.ts';

type Send = (method: string, path: string, init?: Init) => Promise<Response>;
interface Init {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
}

const storages: readonly (readonly [name: string, open: () => RegistryStorage | Promise<RegistryStorage>])[] = [
  ['memory', memoryStorage],
  ['a directory', async () => diskStorage(await testDirectory())],
  ['any store, uploads in memory', () => storageOfStores(undefined)],
  ['any store, uploads in files', async () => storageOfStores(await testDirectory())],
];

describe.each(storages)('a registry over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

  it('end-1: says that it speaks the API', async () => {
    const send = await start();
    for (const path of ['/v2/', '/v2']) {
      const response = await send('GET', path);
      expect(response.status).toBe(200);
      expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    }
  });

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

  it('end-8: lists tags in pages', async () => {
    const send = await start();
    const names = ['10', '9', 'Z', 'a', 'b', 'latest'];
    await pushImage(send, 'a/b', imageOf('x'), undefined, `?${names.map((name) => `tag=${name}`).join('&')}`);
    expect(await tagsOf(send, 'a/b')).toEqual(names);
    expect(await tagsOf(send, 'a/b?n=0')).toEqual([]);
    expect(await tagsOf(send, 'a/b?last=a')).toEqual(['b', 'latest']);
    expect(await tagsOf(send, 'a/b?n=100&last=zzz')).toEqual([]);
    expect(await tagsOf(send, 'a/b?n=2&last=between')).toEqual(['latest']);
    const pages: string[][] = [];
    for (let next: string | undefined = '/v2/a/b/tags/list?n=4'; next !== undefined;) {
      const response: Response = await send('GET', next);
      pages.push(((await response.json()) as { tags: string[] }).tags);
      next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(pages).toEqual([names.slice(0, 4), names.slice(4)]);
    expect((await send('GET', '/v2/a/b/tags/list?n=0')).headers.has('link')).toBe(false);
    expect((await send('GET', '/v2/a/b/tags/list?n=6')).headers.has('link')).toBe(false);
    for (const n of ['-1', 'x', '1.5']) expect((await send('GET', `/v2/a/b/tags/list?n=${n}`)).status).toBe(400);
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

  it('end-12: lists referrers with artifact type and annotations, filtered where asked', async () => {
    const send = await start();
    const { target } = imageOf('subject');
    expect(await referrersOf(send, 'a', target.digest)).toEqual([]);
    const sbom = await pushImage(
      send,
      'a',
      imageOf('sbom', { subject: target, artifactType: 'text/sbom', annotations: { k: 'v' } }),
    );
    const plain = await pushImage(send, 'a', imageOf('plain', { subject: target }));
    expect(sbom.response.headers.get('oci-subject')).toBe(target.digest);
    const listed = await referrersOf(send, 'a', target.digest);
    expect(listed).toHaveLength(2);
    expect(listed).toContainEqual({ ...sbom.target, artifactType: 'text/sbom', annotations: { k: 'v' } });
    expect(listed).toContainEqual({ ...plain.target, artifactType: mediaTypes.ociConfig });
    const filtered = await send('GET', `/v2/a/referrers/${target.digest}?artifactType=text/sbom`);
    expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(filtered.headers.get('content-type')).toBe(mediaTypes.ociIndex);
    expect(((await filtered.json()) as { manifests: unknown[] }).manifests).toHaveLength(1);
    await send('DELETE', `/v2/a/manifests/${sbom.target.digest}`);
    expect(await referrersOf(send, 'a', target.digest)).toHaveLength(1);
    await expectError(await send('GET', '/v2/a/referrers/sha256:x'), 400, 'DIGEST_INVALID');
  });

  it('lists referrers in pages when one would be too large for clients', async () => {
    const send = await start();
    const { target } = imageOf('subject');
    for (let i = 0; i < 5; i++) {
      const annotations = { large: `${i}`.repeat(1_000_000) };
      await pushImage(send, 'a', imageOf(`large ${i}`, { subject: target, annotations }));
    }
    const found = new Set<string>();
    let pages = 0;
    for (let next: string | undefined = `/v2/a/referrers/${target.digest}`; next !== undefined; pages++) {
      const response: Response = await send('GET', next);
      for (const { digest } of ((await response.json()) as { manifests: { digest: string }[] }).manifests) {
        found.add(digest);
      }
      next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect([found.size, pages]).toEqual([5, 2]);
  });

  it('says which thing it does not know', async () => {
    const send = await start();
    const { digest } = blobOf('absent').target;
    await expectError(await send('GET', '/v2/unknown/tags/list'), 404, 'NAME_UNKNOWN');
    await expectError(await send('GET', '/v2/unknown/manifests/x'), 404, 'NAME_UNKNOWN');
    await expectError(await send('GET', `/v2/unknown/blobs/${digest}`), 404, 'NAME_UNKNOWN');
    await pushBlob(send, 'a', blobOf('present'));
    await expectError(await send('GET', '/v2/a/manifests/x'), 404, 'MANIFEST_UNKNOWN');
    await expectError(await send('GET', '/v2/a/manifests/.not-a-tag'), 404, 'MANIFEST_UNKNOWN');
    await expectError(await send('GET', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    await expectError(await send('DELETE', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    const head = await send('HEAD', `/v2/a/blobs/${digest}`);
    expect([head.status, head.body]).toEqual([404, null]);
    expect(await tagsOf(send, 'a')).toEqual([]);
  });

  it('refuses malformed names, digests, methods and addresses', async () => {
    const send = await start();
    for (const name of ['A', 'a//b', '_a', 'a/-b', 'a..b', `${'a'.repeat(256)}`]) {
      await expectError(await send('GET', `/v2/${name}/tags/list`), 400, 'NAME_INVALID');
      await expectError(await send('POST', `/v2/${name}/blobs/uploads/`), 400, 'NAME_INVALID');
    }
    await expectError(await send('GET', '/v2/a/blobs/sha256:abc'), 400, 'DIGEST_INVALID');
    await expectError(await send('GET', '/v2/a/manifests/md5:abc'), 400, 'DIGEST_INVALID');
    for (const [method, path] of [
      ['POST', '/v2/'],
      ['PUT', '/v2/a/tags/list'],
      ['PATCH', '/v2/a/manifests/x'],
      ['GET', '/v2/a/blobs/uploads/'],
      ['OPTIONS', '/v2/a/referrers/x'],
    ] as const) {
      const response = await send(method, path);
      expect(response.headers.get('allow')).not.toBe(null);
      await expectError(response, 405, 'UNSUPPORTED');
    }
    await expectError(await send('GET', '/'), 404, 'UNSUPPORTED');
    await expectError(await send('GET', '/v2/a/%ff/b'), 404, 'UNSUPPORTED');
  });
});

describe.each(storages.slice(0, 2))('a registry of its own over %s', (_, open) => {
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

  it('lists its repositories in pages', async () => {
    const send = senderOf(await open());
    expect(await (await send('GET', '/v2/_catalog')).json()).toEqual({ repositories: [] });
    await send('POST', '/v2/only-started/blobs/uploads/');
    for (const name of ['b', 'a/b/c', 'a', 'c/d']) await pushBlob(send, name, blobOf('x'));
    expect(await (await send('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['a', 'a/b/c', 'b', 'c/d'] });
    const page = await send('GET', '/v2/_catalog?n=2&last=a');
    expect(await page.json()).toEqual({ repositories: ['a/b/c', 'b'] });
    expect(page.headers.get('link')).toBe('</v2/_catalog?n=2&last=b>; rel="next"');
  });
});

describe('a registry over a store that can do less', () => {
  const { resolve, stat, fetch, push, tag } = MemoryStore.prototype;
  const plain = (): Send => {
    const store = new MemoryStore();
    const bound = {
      resolve: resolve.bind(store),
      stat: stat.bind(store),
      fetch: fetch.bind(store),
      push: push.bind(store),
      tag: tag.bind(store),
    };
    return senderOf(storageOf((name) => (name === 'a' ? bound : undefined)));
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

describe('a registry whose storage fails', () => {
  it('answers 500 without the reason, which onError gets', async () => {
    const failures: unknown[] = [];
    const failure = new Error('the disk /secret/path is full');
    const storage: RegistryStorage = { find: () => Promise.reject(failure), create: () => Promise.reject(failure) };
    const send = senderOf(storage, { onError: (error) => failures.push(error) });
    const response = await send('GET', '/v2/a/tags/list');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(failures).toEqual([failure]);
  });
});

function senderOf(storage: RegistryStorage, options?: RegistryOptions): Send {
  const handle = registryHandler(storage, options);
  return (method, path, { headers = {}, body } = {}) =>
    handle(
      new Request(new URL(path, 'http://registry.test'), {
        method,
        headers,
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer>, duplex: 'half' }),
      }),
    );
}

function storageOfStores(uploadDirectory: string | undefined): RegistryStorage {
  const stores = new Map<string, MemoryStore>();
  return storageOf(
    (name) => {
      if (name.startsWith('unknown')) return undefined;
      const store = stores.get(name) ?? new MemoryStore();
      stores.set(name, store);
      return store;
    },
    { uploadDirectory },
  );
}

async function pushBlob(send: Send, repository: string, { target, bytes }: Sample): Promise<void> {
  const response = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${target.digest}`, { body: bytes });
  expect(response.status).toBe(201);
}

function putManifest(send: Send, repository: string, { target, bytes }: Sample, reference: string): Promise<Response> {
  const headers = { 'content-type': target.mediaType };
  return send('PUT', `/v2/${repository}/manifests/${reference}`, { headers, body: bytes });
}

async function pushImage(
  send: Send,
  repository: string,
  image: SampleImage,
  tag?: string,
  query = '',
): Promise<SampleImage & { readonly response: Response }> {
  for (const blob of image.blobs) await pushBlob(send, repository, blob);
  const response = await putManifest(send, repository, image, (tag ?? image.target.digest) + query);
  expect(response.status).toBe(201);
  return { ...image, response };
}

function indexOf(manifests: readonly unknown[]): Sample {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return blobOf(JSON.stringify(document), mediaTypes.ociIndex);
}

async function tagsOf(send: Send, repositoryAndQuery: string): Promise<readonly string[]> {
  const [repository, query = ''] = repositoryAndQuery.split('?');
  const response = await send('GET', `/v2/${repository}/tags/list?${query}`);
  expect(response.status).toBe(200);
  const document = (await response.json()) as { name: string; tags: string[] };
  expect(document.name).toBe(repository);
  return document.tags;
}

async function referrersOf(send: Send, repository: string, digest: string): Promise<readonly unknown[]> {
  const response = await send('GET', `/v2/${repository}/referrers/${digest}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, mediaTypes.ociIndex]);
  return ((await response.json()) as { manifests: unknown[] }).manifests;
}

async function expectError(response: Response, status: number, code: string): Promise<void> {
  const text = await response.clone().text();
  expect({ status: response.status, text }).toMatchObject({ status, text: expect.stringContaining(`"${code}"`) });
  expect(response.headers.get('content-type')).toBe('application/json');
}

function locationOf(response: Response): string {
  return response.headers.get('location') ?? '';
}

function headersOf(response: Response): Readonly<Record<string, string>> {
  return Object.fromEntries(response.headers);
}

/** A comparison by vitest would take seconds. */
async function expectBytes(response: Response, bytes: Uint8Array | readonly number[]): Promise<void> {
  expect(Buffer.compare(await bytesOf(response), Buffer.from(bytes))).toBe(0);
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
}

function breakingStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw new Error('The line is cut');
  }
  return ReadableStream.from(chunks()) as ReadableStream<Uint8Array>;
}
