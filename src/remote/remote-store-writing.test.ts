import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import {
  blob,
  blobTarget,
  chunks,
  manifest,
  manifestAnswer,
  manifestTarget,
  open,
  transportFor,
  uploadServer,
} from '../../test/support/scripted-store.ts';
import type { ByteStream } from '../content/bytes.ts';
import { describeBytes } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { remote, type RemoteStore } from './remote-store.ts';

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
