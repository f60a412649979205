import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { scriptedServer, type ScriptedAnswer, type ScriptedServer } from '../../test/support/scripted-server.ts';
import { type ByteStream, collect } from '../content/bytes.ts';
import { describeBytes } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { catalog } from './catalog.ts';
import { remote, type RemoteStore } from './remote-store.ts';
import type { TransportEvent } from './transport/events.ts';
import { createTransport } from './transport/transport.ts';

const blob = Buffer.from('x'.repeat(300_000));
const blobTarget = describeBytes(blob, mediaTypes.ociLayerGzip);
const manifest = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: blobTarget, layers: [] }),
);
const manifestTarget = describeBytes(manifest, mediaTypes.ociManifest);

describe('RemoteStore, reading manifests', () => {
  it('resolves a tag with one HEAD', async () => {
    await using server = await scriptedServer(() => manifestAnswer());
    expect(await open(server).resolve('v1')).toEqual(manifestTarget);
    expect(server.log).toEqual(['HEAD /v2/app/manifests/v1']);
    expect(server.requests[0]?.headers.accept).toBe(
      'application/vnd.docker.distribution.manifest.v1+json,application/vnd.docker.distribution.manifest.v1+prettyjws,' +
        'application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json,' +
        'application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.index.v1+json',
    );
    expect(server.requests[0]?.headers['accept-encoding']).toBe('identity');
    expect(server.requests[0]?.headers['user-agent']).toBe('crane-oci/test');
  });

  it.each([
    ['the digest', { 'content-type': mediaTypes.ociManifest }],
    ['the media type', { 'docker-content-digest': manifestTarget.digest }],
    ['a well-formed digest', { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': 'sha256:zz' }],
  ])('gets the manifest when the answer to HEAD lacks %s', async (_, headers) => {
    await using server = await scriptedServer(() => ({ status: 200, headers, body: manifest }));
    expect(await open(server).resolve('v1')).toEqual(manifestTarget);
    expect(server.log).toEqual(['HEAD /v2/app/manifests/v1', 'GET /v2/app/manifests/v1']);
  });

  it('gets the manifest where HEAD is refused', async () => {
    await using server = await scriptedServer(({ method }) => (method === 'HEAD' ? { status: 403 } : manifestAnswer()));
    expect(await open(server).resolve('v1')).toEqual(manifestTarget);
  });

  it('drops parameters of the content type and believes the document first', async () => {
    await using server = await scriptedServer(() => manifestAnswer({ 'content-type': 'text/plain; charset=utf-8' }));
    expect((await open(server).fetchManifest('v1')).descriptor).toEqual(manifestTarget);
  });

  it('refuses bytes that are not what the digest names', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: '{}' }));
    await expect(open(server).fetchManifest(manifestTarget.digest)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('warns when a tag is said to have another digest than it has', async () => {
    const events: TransportEvent[] = [];
    const lie = `sha256:${'0'.repeat(64)}`;
    await using server = await scriptedServer(() => manifestAnswer({ 'docker-content-digest': lie }));
    const { descriptor } = await open(server, { onEvent: (event) => events.push(event) }).fetchManifest('v1');
    expect(descriptor.digest).toBe(manifestTarget.digest);
    expect(events).toContainEqual({ type: 'warning', message: expect.stringContaining(lie) as string });
  });

  it('refuses a manifest that is announced as too long without reading it', async () => {
    await using server = await scriptedServer(() => (response) => {
      response.writeHead(200, { 'content-length': String(100 * 1024 * 1024) }).write('{');
    });
    await expect(open(server).fetchManifest('v1')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('refuses a manifest that goes on and on', async () => {
    await using server = await scriptedServer(() => (response) => void flood(response));
    await expect(open(server).fetchManifest('v1')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('says what is missing, where, and in the words of the registry', async () => {
    const body = JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] });
    await using server = await scriptedServer(() => ({ status: 404, body }));
    await expect(open(server).fetchManifest('v1')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      name: 'ResponseError',
      status: 404,
      message: `Could not read manifest "v1" of ${server.registry}/app: ${server.registry} answered 404 Not Found (MANIFEST_UNKNOWN: manifest unknown)`,
    });
  });

  it('takes a manifest it may not see for absent when it is only looked for', async () => {
    await using server = await scriptedServer(() => ({ status: 403 }));
    expect(await open(server).stat(manifestTarget)).toBeUndefined();
  });

  it('refuses what is neither a tag nor a digest', async () => {
    await using server = await scriptedServer(() => manifestAnswer());
    await expect(open(server).resolve('../../other/manifests/v1')).rejects.toMatchObject({ code: 'INVALID_REFERENCE' });
    expect(server.log).toEqual([]);
  });
});

describe('RemoteStore, reading blobs', () => {
  it('reads a blob with one GET and verifies it', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: blob }));
    expect(blob.equals(await all(await open(server).fetch(blobTarget)))).toBe(true);
    expect(server.log).toEqual([`GET /v2/app/blobs/${blobTarget.digest}`]);
  });

  it('refuses a blob whose length is announced wrongly', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: 'short' }));
    await expect(open(server).fetch(blobTarget)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  it('fails at the end of a blob with another content', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: Buffer.alloc(blob.byteLength) }));
    await expect(all(await open(server).fetch(blobTarget))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('goes on where the connection broke, again and again while bytes arrive', async () => {
    await using server = await scriptedServer(({ headers }) => cutAfter(70_000, headers.range));
    expect(blob.equals(await all(await open(server).fetch(blobTarget)))).toBe(true);
    expect(server.requests.length).toBeGreaterThan(3);
    expect(server.requests[1]?.headers.range).toMatch(/^bytes=\d+-299999$/);
  });

  it('leaves out what it has when a server ignores ranges', async () => {
    await using server = await scriptedServer((_, count) =>
      count === 1 ? cutAfter(70_000) : { status: 200, body: blob },
    );
    expect(blob.equals(await all(await open(server).fetch(blobTarget)))).toBe(true);
  });

  it('gives up when nothing more arrives', async () => {
    await using server = await scriptedServer((_, count) =>
      count === 1 ? cutAfter(70_000) : cutAfter(0, 'bytes=70000-'),
    );
    await expect(all(await open(server).fetch(blobTarget))).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('does not put parts together that do not fit', async () => {
    await using server = await scriptedServer((_, count) =>
      count === 1
        ? cutAfter(70_000)
        : { status: 206, headers: { 'content-range': 'bytes 0-299999/300000' }, body: blob },
    );
    await expect(all(await open(server).fetch(blobTarget))).rejects.toMatchObject({ code: 'RESPONSE' });
  });

  it('reads a part, also from a server that sends everything', async () => {
    await using ranged = await scriptedServer(({ headers }) => cutAfter(blob.byteLength, headers.range));
    expect((await all(await open(ranged).fetchRange(blobTarget, 5, 15))).byteLength).toBe(10);
    expect(ranged.requests[0]?.headers.range).toBe('bytes=5-14');
    await using whole = await scriptedServer(() => ({ status: 200, body: blob }));
    expect((await all(await open(whole).fetchRange(blobTarget, 0, 15))).byteLength).toBe(15);
    expect((await all(await open(whole).fetchRange(blobTarget, 299_990, 400_000))).byteLength).toBe(10);
  });

  it('looks for a blob and measures it when HEAD does not tell the length', async () => {
    await using server = await scriptedServer(({ method, headers }) =>
      method === 'HEAD'
        ? (response) => void response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()
        : cutAfter(blob.byteLength, headers.range),
    );
    expect(await open(server).stat(blobTarget)).toEqual(blobTarget);
  });

  it('stops when it is cancelled, before and while reading', async () => {
    await using server = await scriptedServer(() => (response) => {
      response.writeHead(200, { 'content-length': String(blob.byteLength) }).write(blob.subarray(0, 1000));
    });
    const reason = new Error('enough');
    await expect(open(server).fetch(blobTarget, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const stream = await open(server).fetch(blobTarget, { signal: controller.signal });
    const reading = all(stream);
    setTimeout(() => controller.abort(reason), 20);
    await expect(reading).rejects.toBe(reason);
  });

  it('gives up a server that stalls in the middle', async () => {
    await using server = await scriptedServer(() => (response) => {
      response.writeHead(200, { 'content-length': String(blob.byteLength) }).write(blob.subarray(0, 1000));
    });
    const store = open(server, { timeouts: { idle: 30 } });
    await expect(all(await store.fetch(blobTarget))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('RemoteStore, writing', () => {
  it('uploads with one POST and one PUT and gives the query back byte for byte', async () => {
    await using server = await uploadServer({ location: '/v2/app/blobs/uploads/1?_state=a%2Bb%20c&x=%7e' });
    await open(server).push(blobTarget, blob);
    const encoded = encodeURIComponent(blobTarget.digest);
    expect(server.log).toEqual([
      'POST /v2/app/blobs/uploads/',
      `PUT /v2/app/blobs/uploads/1?_state=a%2Bb%20c&x=%7e&digest=${encoded}`,
    ]);
    expect(server.requests[1]?.body.equals(blob)).toBe(true);
    expect(server.requests[1]?.headers['content-length']).toBe('300000');
  });

  it('uploads a stream with its length', async () => {
    await using server = await uploadServer();
    await open(server).push(blobTarget, chunks(blob, 10_000));
    expect(server.requests[1]?.body.equals(blob)).toBe(true);
    expect(server.requests[1]?.headers['transfer-encoding']).toBeUndefined();
  });

  it('never completes an upload of wrong content, and cancels it', async () => {
    await using server = await uploadServer();
    await expect(open(server).push(blobTarget, chunks(Buffer.alloc(300_000), 10_000))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(server.log.filter((line) => line.startsWith('PUT'))).toEqual([]);
    expect(server.log.at(-1)).toBe('DELETE /v2/app/blobs/uploads/1');
  });

  it('ends the source when the registry refuses the session', async () => {
    await using server = await scriptedServer(() => ({ status: 403 }));
    let cancelled = false;
    const content: ByteStream = { ...chunks(blob, 1000), cancel: async () => void (cancelled = true) };
    await expect(open(server).push(blobTarget, content)).rejects.toMatchObject({ code: 'DENIED' });
    expect(cancelled).toBe(true);
  });

  it('reports an answer that comes before the upload is sent', async () => {
    const big = Buffer.alloc(20_000_000, 1);
    const target = describeBytes(big, mediaTypes.ociLayer);
    await using server = await scriptedServer(
      ({ method }) =>
        method === 'POST'
          ? { status: 202, headers: { location: '/up' } }
          : { status: 413, body: JSON.stringify({ errors: [{ code: 'SIZE_INVALID', message: 'too big' }] }) },
      { early: true },
    );
    await expect(open(server).push(target, chunks(big, 65_536))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      status: 413,
      message: expect.stringContaining('too big') as string,
    });
  });

  it('uploads by PATCH where PUT with a body is not known', async () => {
    await using server = await scriptedServer(({ method, body }) => {
      if (method === 'POST') return { status: 202, headers: { location: '/up?a=1' } };
      if (method === 'PATCH') return { status: 202, headers: { location: '/up?a=2' } };
      return { status: body.byteLength > 0 ? 405 : 201 };
    });
    const store = open(server);
    await store.push(blobTarget, blob);
    await store.push(blobTarget, chunks(blob, 10_000));
    const patched = server.requests.filter(({ method }) => method === 'PATCH');
    expect(patched.map(({ body }) => body.equals(blob))).toEqual([true, true]);
    expect(server.log.at(-1)).toBe(`PUT /up?a=2&digest=${encodeURIComponent(blobTarget.digest)}`);
  });

  it('starts over with a new session after a passing failure', async () => {
    let puts = 0;
    await using server = await scriptedServer(({ method }) => {
      if (method === 'POST') return { status: 202, headers: { location: '/up' } };
      if (method === 'PUT') return { status: puts++ === 0 ? 503 : 201 };
      return { status: 404 };
    });
    await open(server).push(blobTarget, blob);
    expect(server.log.filter((line) => line.startsWith('POST'))).toHaveLength(2);
  });

  it('looks whether the blob arrived when the answer was lost', async () => {
    await using server = await scriptedServer(({ method }) => {
      if (method === 'POST') return { status: 202, headers: { location: '/up' } };
      if (method === 'PUT') return (response) => void response.destroy();
      return { status: 200, headers: { 'content-length': String(blob.byteLength) } };
    });
    await open(server).push(blobTarget, chunks(blob, 10_000));
  });

  it('pushes a manifest under its tag with its own type', async () => {
    await using server = await scriptedServer(() => ({ status: 201 }));
    await open(server).pushTagged(manifestTarget, manifest, 'v1');
    expect(server.log).toEqual(['PUT /v2/app/manifests/v1']);
    expect(server.requests[0]?.headers['content-type']).toBe(mediaTypes.ociManifest);
    expect(server.requests[0]?.body).toEqual(manifest);
  });

  it('notices that the registry stored something else', async () => {
    await using server = await scriptedServer(() => ({
      status: 201,
      headers: { 'docker-content-digest': `sha256:${'1'.repeat(64)}` },
    }));
    await expect(open(server).push(manifestTarget, manifest)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('tags content with another hash by digest, and by tag where that is not understood', async () => {
    const digest = `sha512:${createHash('sha512').update(manifest).digest('hex')}` as Descriptor['digest'];
    const target = { ...manifestTarget, digest };
    await using modern = await scriptedServer(() => ({ status: 201, headers: { 'oci-tag': 'v1' } }));
    await open(modern).pushTagged(target, manifest, 'v1');
    expect(modern.log).toEqual([`PUT /v2/app/manifests/${digest}?tag=v1`]);
    await using old = await scriptedServer(() => ({ status: 201 }));
    await open(old).pushTagged(target, manifest, 'v1');
    expect(old.log.at(-1)).toBe('PUT /v2/app/manifests/v1');
  });
});

describe('RemoteStore, mounting', () => {
  it('mounts from another repository of the same registry only', async () => {
    await using server = await scriptedServer(() => ({ status: 201 }));
    const transport = transportFor();
    const [a, b, elsewhere] = ['a', 'b', 'a'].map((repository, i) =>
      remote({ registry: i === 2 ? ('other.example' as never) : server.registry, repository }, { transport }),
    ) as [RemoteStore, RemoteStore, RemoteStore];
    expect([b.canMountFrom(a), b.canMountFrom(b), b.canMountFrom(elsewhere), b.canMountFrom({})]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(await b.mount(blobTarget, a)).toBe(true);
    expect(server.log).toEqual([`POST /v2/b/blobs/uploads/?mount=${encodeURIComponent(blobTarget.digest)}&from=a`]);
  });

  it('uses the session a refused mount opened', async () => {
    await using server = await uploadServer();
    const store = open(server);
    expect(await store.mount(blobTarget, open(server, {}, 'base'))).toBe(false);
    await store.push(blobTarget, blob);
    expect(server.log.filter((line) => line.startsWith('POST'))).toHaveLength(1);
  });

  it.each([400, 401, 403, 404, 405, 500])('is told no by %i and does not fail', async (status) => {
    await using server = await scriptedServer(() => ({ status }));
    const store = open(server);
    const base = open(server, {}, 'base');
    expect(await store.mount(blobTarget, base)).toBe(false);
    expect(store.canMountFrom(base)).toBe(false);
  });
});

describe('RemoteStore, listing', () => {
  it('follows links page by page and leaves out what is no tag', async () => {
    const list: Record<string, ScriptedAnswer> = {
      '?n=2': page({ tags: ['a', null, '', 'b'] }, '/v2/app/tags/list?n=2&last=b'),
      '?n=2&last=b': page({ tags: ['b', 'sha256:x', 'c'] }, 'https://gateway.example/prefix/tags/list?last=c&n=2'),
      '?last=c&n=2': page({ tags: null }),
    };
    await using server = await scriptedServer(({ url }) => list[url.search]);
    expect(await pagesOf(open(server).tags({ pageSize: 2 }))).toEqual([['a', 'b'], ['c']]);
  });

  it('asks without a page size where the registry refuses it', async () => {
    await using server = await scriptedServer(({ url }) =>
      url.search === '' ? page({ tags: ['a'] }) : { status: 405 },
    );
    expect(await pagesOf(open(server).tags())).toEqual([['a']]);
    expect(server.log).toEqual(['GET /v2/app/tags/list?n=1000', 'GET /v2/app/tags/list']);
  });

  it('takes no half of a list of referrers for the whole', async () => {
    const subject = manifestTarget.digest;
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
    const headers = { 'content-type': mediaTypes.ociIndex, link: `</v2/app/referrers/${subject}?page=2>; rel="next"` };
    await using server = await scriptedServer(({ url }) =>
      url.search === '' ? { status: 200, headers, body: JSON.stringify(index) } : { status: 404 },
    );
    const listing = open(server).referrers({ mediaType: mediaTypes.ociManifest, digest: subject });
    await expect(listing).rejects.toMatchObject({ code: 'RESPONSE' });
    expect(server.log).toHaveLength(2);
  });

  it('ends a list that goes in circles', async () => {
    await using server = await scriptedServer(() => page({ tags: ['a'] }, '/v2/app/tags/list?n=1000&last=a'));
    expect(await pagesOf(open(server).tags())).toEqual([['a']]);
    expect(server.log).toHaveLength(2);
  });

  it('refuses a list that never repeats itself before it fills the memory', async () => {
    const padding = 'x'.repeat(24 * 1024 * 1024);
    let count = 0;
    await using server = await scriptedServer(() => ({
      status: 200,
      headers: { link: `</v2/app/tags/list?last=${++count}>; rel="next"` },
      body: JSON.stringify({ tags: [`v${count}`], padding }),
    }));
    await expect(pagesOf(open(server).tags())).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(server.log).toHaveLength(3);
  });

  it('goes on after a full page without a link', async () => {
    await using server = await scriptedServer(({ url }) =>
      page({ tags: url.searchParams.get('last') === 'b' ? ['c'] : ['a', 'b'] }),
    );
    expect(await pagesOf(open(server).tags({ pageSize: 2 }))).toEqual([['a', 'b'], ['c']]);
  });

  it('lists no names that neither a terminal nor a request can show', async () => {
    await using server = await scriptedServer(({ url }) =>
      page({ repositories: url.searchParams.has('last') ? [] : ['a', '\u001b[2J', '\ud800'] }),
    );
    expect(await pagesOf(catalog(server.registry, { transport: transportFor(), pageSize: 3 }))).toEqual([['a']]);
  });

  it('lists the repositories of a registry', async () => {
    await using server = await scriptedServer(() => page({ repositories: ['a', 'b/c'] }));
    expect(await pagesOf(catalog(server.registry, { transport: transportFor() }))).toEqual([['a', 'b/c']]);
    await using without = await scriptedServer(() => ({ status: 404 }));
    await expect(pagesOf(catalog(without.registry, { transport: transportFor() }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('RemoteStore, referrers', () => {
  const referrer = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: 'application/x.sbom',
      config: blobTarget,
      layers: [],
      subject: manifestTarget,
      annotations: { made: 'today' },
    }),
  );
  const referrerTarget = describeBytes(referrer, mediaTypes.ociManifest);
  const entry = { ...referrerTarget, annotations: { made: 'today' }, artifactType: 'application/x.sbom' };
  const tag = manifestTarget.digest.replace(':', '-');

  it('come from the API, all pages of it, filtered', async () => {
    const other = { ...entry, digest: `sha256:${'2'.repeat(64)}`, artifactType: 'application/x.other' };
    await using server = await scriptedServer(({ url }) =>
      url.searchParams.has('last')
        ? indexAnswer([other, entry])
        : indexAnswer([entry], `${url.pathname}${url.search}&last=1`),
    );
    expect(await open(server).referrers(manifestTarget, { artifactType: 'application/x.sbom' })).toEqual([entry]);
    expect(server.log[0]).toBe(`GET /v2/app/referrers/${manifestTarget.digest}?artifactType=application%2Fx.sbom`);
  });

  it.each([
    ['404', { status: 404 }],
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['a way to another site', { status: 303, headers: { location: 'https://elsewhere.example/' } }],
  ])('come from the tag when the API answers %s', async (_, answer) => {
    await using server = await scriptedServer(({ url }) =>
      url.pathname.includes('/referrers/') ? answer : url.pathname.endsWith(tag) ? indexAnswer([entry]) : undefined,
    );
    expect(await open(server).referrers(manifestTarget)).toEqual([entry]);
  });

  it('are none when there is neither', async () => {
    await using server = await scriptedServer(() => ({ status: 404 }));
    expect(await open(server).referrers(manifestTarget)).toEqual([]);
  });

  it('are kept under the tag when the registry does not, one after the other', async () => {
    const second = Buffer.from(referrer.toString().replace('today', 'later'));
    const state = { index: undefined as Buffer | undefined };
    await using server = await scriptedServer(({ method, url, body }) => {
      if (!url.pathname.endsWith(tag)) return { status: 201 };
      if (method === 'PUT') state.index = body;
      if (method === 'PUT' || state.index !== undefined)
        return { status: method === 'PUT' ? 201 : 200, body: state.index };
      return { status: 404 };
    });
    const store = open(server);
    await Promise.all([
      store.push(referrerTarget, referrer),
      store.push(describeBytes(second, mediaTypes.ociManifest), second),
    ]);
    const { manifests } = JSON.parse(String(state.index)) as { manifests: readonly Descriptor[] };
    expect(manifests).toHaveLength(2);
    expect(manifests).toContainEqual(entry);
  });

  it('are kept however the manifest spells its members, and a manifest that is none is pushed all the same', async () => {
    const odd = Buffer.from(referrer.toString().replace('"subject"', '"\\u0073ubject"'));
    const none = Buffer.from('{"subject":1}');
    await using server = await scriptedServer(({ method }) => ({ status: method === 'PUT' ? 201 : 404 }));
    await open(server).push(describeBytes(none, mediaTypes.ociManifest), none);
    expect(server.log).toHaveLength(1);
    await open(server).push(describeBytes(odd, mediaTypes.ociManifest), odd);
    expect(server.log.at(-1)).toBe(`PUT /v2/app/manifests/${tag}`);
  });

  it('are left to a registry that says it keeps them', async () => {
    await using server = await scriptedServer(({ method }) =>
      method === 'GET' ? indexAnswer([]) : { status: 201, headers: { 'oci-subject': manifestTarget.digest } },
    );
    const store = open(server);
    await store.push(referrerTarget, referrer);
    await store.push(referrerTarget, referrer);
    expect(server.log).toEqual([
      `PUT /v2/app/manifests/${referrerTarget.digest}`,
      `GET /v2/app/referrers/${manifestTarget.digest}`,
      `PUT /v2/app/manifests/${referrerTarget.digest}`,
    ]);
  });

  it('leave the tag when they are deleted', async () => {
    let list = '';
    await using server = await scriptedServer(({ method, url, body }) => {
      if (method === 'DELETE') return { status: 202 };
      if (method === 'PUT') {
        list = String(body);
        return { status: 201 };
      }
      return url.pathname.endsWith(tag) ? indexAnswer([entry]) : { status: 200, body: referrer };
    });
    await open(server).deleteManifest(referrerTarget.digest);
    expect(JSON.parse(list)).toMatchObject({ manifests: [] });
  });
});

describe('RemoteStore, deleting', () => {
  it('deletes tags, manifests and blobs', async () => {
    await using server = await scriptedServer(({ method }) => (method === 'GET' ? manifestAnswer() : { status: 202 }));
    const store = open(server);
    await store.deleteTag('v1');
    await store.deleteManifest(manifestTarget.digest);
    await store.deleteBlob(blobTarget.digest);
    expect(server.log.filter((line) => line.startsWith('DELETE'))).toEqual([
      'DELETE /v2/app/manifests/v1',
      `DELETE /v2/app/manifests/${manifestTarget.digest}`,
      `DELETE /v2/app/blobs/${blobTarget.digest}`,
    ]);
  });

  it('says that a registry cannot delete, and what is not there', async () => {
    await using refusing = await scriptedServer(() => ({ status: 405 }));
    await expect(open(refusing).deleteTag('v1')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await using empty = await scriptedServer(() => ({ status: 404 }));
    await expect(open(empty).deleteTag('v1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open(empty).deleteManifest(manifestTarget.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open(empty).deleteBlob(blobTarget.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

type Options = Omit<Parameters<typeof createTransport>[0], 'userAgent'>;

function transportFor(options: Options = {}): ReturnType<typeof createTransport> {
  return createTransport({ userAgent: 'crane-oci/test', sleep: async () => {}, ...options });
}

function open(server: ScriptedServer, options: Options = {}, repository = 'app'): RemoteStore {
  return remote({ registry: server.registry, repository }, { transport: transportFor(options) });
}

function manifestAnswer(headers: Readonly<Record<string, string>> = {}): ScriptedAnswer {
  return {
    status: 200,
    headers: {
      'content-type': mediaTypes.ociManifest,
      'docker-content-digest': manifestTarget.digest,
      'content-length': String(manifest.byteLength),
      ...headers,
    },
    body: manifest,
  };
}

function indexAnswer(manifests: readonly unknown[], link?: string): ScriptedAnswer {
  return {
    status: 200,
    headers: { 'content-type': mediaTypes.ociIndex, ...(link === undefined ? {} : { link: `<${link}>; rel="next"` }) },
    body: JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  };
}

function page(document: unknown, link?: string): ScriptedAnswer {
  return {
    status: 200,
    headers: link === undefined ? {} : { link: `<${link}>; rel="next"` },
    body: JSON.stringify(document),
  };
}

async function uploadServer({ location = '/v2/app/blobs/uploads/1' } = {}): Promise<ScriptedServer> {
  return scriptedServer(({ method }) => {
    if (method === 'POST') return { status: 202, headers: { location } };
    return { status: method === 'PUT' ? 201 : 204 };
  });
}

/** Sends at most so many bytes of the part that is asked for, then cuts the connection if there are more. */
function cutAfter(count: number, range?: string): ScriptedAnswer {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  const start = Number(from ?? 0);
  const part = blob.subarray(start, to === undefined || to === '' ? blob.byteLength : Number(to) + 1);
  const head = {
    'content-length': String(part.byteLength),
    ...(range === undefined
      ? {}
      : { 'content-range': `bytes ${start}-${start + part.byteLength - 1}/${blob.byteLength}` }),
  };
  return (response) => {
    response.writeHead(range === undefined ? 200 : 206, head);
    if (part.byteLength <= count) response.end(part);
    else response.write(part.subarray(0, count), () => setTimeout(() => response.destroy(), 5));
    response.flushHeaders();
  };
}

async function flood(response: ServerResponse): Promise<void> {
  response.writeHead(200);
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  while (!response.destroyed) {
    const closed = new Promise((resolve) => setTimeout(resolve, 5));
    if (!response.write(chunk)) await closed;
  }
}

function chunks(bytes: Buffer, size: number): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
    },
    cancel: async () => {},
  };
}

async function all(stream: ByteStream): Promise<Uint8Array> {
  return collect(stream, 10_000_000);
}

async function pagesOf(list: AsyncIterable<readonly string[]>): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for await (const part of list) found.push(part);
  return found;
}
