import { describe, expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import {
  expectError,
  pushImage,
  referrersOf,
  type Send,
  senderOf,
  storages,
} from '../../test/support/registry-requests.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { RegistryOptions } from './registry.ts';

describe.each(storages)('the referrers in a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

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
});
