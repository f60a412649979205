import { describe, expect, it } from 'vitest';
import { blobOf } from '../../test/conformance/samples.ts';
import { ownStorages, pushBlob, senderOf } from '../../test/support/registry-requests.ts';

describe.each(ownStorages)('the catalog of a registry, over %s', (_, open) => {
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
