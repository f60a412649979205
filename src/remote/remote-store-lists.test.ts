import { describe, expect, it } from 'vitest';
import { scriptedServer, type ScriptedAnswer } from '../../test/support/scripted-server.ts';
import { blobTarget, manifestTarget, open, transportFor } from '../../test/support/scripted-store.ts';
import { describeBytes } from '../content/hash.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { catalog } from './catalog.ts';

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

async function pagesOf(list: AsyncIterable<readonly string[]>): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for await (const part of list) found.push(part);
  return found;
}
