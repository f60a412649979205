import { describe, expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import { pushImage, type Send, senderOf, storages, tagsOf } from '../../test/support/registry-requests.ts';
import type { RegistryOptions } from './registry.ts';

describe.each(storages)('the tags of a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

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
});
