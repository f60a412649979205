import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { scriptedServer, type ScriptedAnswer } from '../../test/support/scripted-server.ts';
import { blob, blobTarget, manifest, manifestAnswer, manifestTarget, open } from '../../test/support/scripted-store.ts';
import { type ByteStream, collect } from '../content/bytes.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { TransportEvent } from './transport/events.ts';

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

  it('reads a manifest of a type that nobody knows where it was found', async () => {
    const type = 'application/vnd.example+json';
    const body = JSON.stringify({ mediaType: type, blobs: [] });
    await using server = await scriptedServer(({ target }) =>
      target.includes('/manifests/') ? { status: 200, headers: { 'content-type': type }, body } : { status: 404 },
    );
    const store = open(server);
    const { descriptor } = await store.fetchManifest('v1');
    expect(descriptor.mediaType).toBe(type);
    expect(Buffer.from(await all(await store.fetch(descriptor))).toString()).toBe(body);
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

async function all(stream: ByteStream): Promise<Uint8Array> {
  return collect(stream, 10_000_000);
}
