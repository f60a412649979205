import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { referrersTag } from '../../src/oci/referrer.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { fixedKeychain } from '../../src/remote/auth/credential.ts';
import { RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import type { ProgressEvent } from '../../src/store/progress.ts';
import { imageOf, pushImage } from '../conformance/samples.ts';
import type { Quirks } from '../simulated-registry/quirks.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';

const users = { joe: { password: 'secret' } };
const image = imageOf('image');
const sbom = imageOf('sbom', { artifactType: 'a/sbom', subject: image.target, annotations: { made: 'by hand' } });
const seal = imageOf('seal', { artifactType: 'a/seal', subject: sbom.target });

let transport: Transport;
let registries: SimulatedRegistry[];

beforeEach(() => {
  registries = [];
  const keychain = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });
  transport = createTransport({ userAgent: 'test', keychain, sleep: async () => {} });
});

afterEach(async () => {
  transport.close();
  for (const registry of registries) await registry.close();
});

async function start(quirks: Quirks): Promise<{ readonly registry: SimulatedRegistry; readonly store: RemoteStore }> {
  const registry = await simulateRegistry({ users, ...quirks });
  registries.push(registry);
  return { registry, store: new RemoteStore(registry.repository('app'), { transport, access: 'push' }) };
}

async function source(quirks: Quirks = {}): Promise<RemoteStore> {
  const { store } = await start(quirks);
  for (const one of [image, sbom, seal]) await pushImage(store, one);
  return store;
}

function digests(found: readonly Descriptor[]): readonly string[] {
  return found.map(({ digest }) => digest);
}

// Demand-and-quirks reference, Q-66 to Q-69.
describe('copies with referrers', () => {
  it.each<[string, Quirks, Quirks]>([
    ['between registries that know them', {}, {}],
    ['to one that keeps them under tags', {}, { referrers: 404, ociSubject: 'never' }],
    ['from one that keeps them under tags', { referrers: 404, ociSubject: 'never' }, {}],
    ['to one that wants the subject first', {}, { subjectMustExist: true }],
    ['from one that lists them page by page', { referrers: 'paged' }, {}],
    ['from one that leads to a web page instead', { referrers: '303-html', ociSubject: 'never' }, {}],
  ])('arrive complete %s', async (_, from, to) => {
    const sink = await start(to);
    await copyGraph(await source(from), sink.store, image.target, { tag: 'v1', referrers: true });
    const listed = await sink.store.referrers(image.target);
    expect(digests(listed)).toEqual([sbom.target.digest]);
    expect(listed[0]).toMatchObject({ artifactType: 'a/sbom', annotations: { made: 'by hand' } });
    expect(digests(await sink.store.referrers(sbom.target))).toEqual([seal.target.digest]);
    expect(await sink.store.resolve('v1')).toMatchObject(image.target);
  });

  it('finish a list under a tag that an earlier copy did not come to', async () => {
    const { store } = await start({ referrers: 404, ociSubject: 'never' });
    const from = await source();
    await copyGraph(from, store, image.target, { tag: 'v1', referrers: true });
    await store.deleteTag(referrersTag(image.target.digest));
    expect(await store.referrers(image.target)).toEqual([]);
    await copyGraph(from, store, image.target, { tag: 'v1', referrers: true });
    expect(digests(await store.referrers(image.target))).toEqual([sbom.target.digest]);
  });

  //
  it('fail where the registry refuses a referrer, or leave it out at best effort', async () => {
    const { store } = await start({ manifests: { rejectReferrers: 405 } });
    const from = await source();
    await expect(copyGraph(from, store, image.target, { tag: 'v1', referrers: true })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(
        `The referrer ${sbom.target.digest} (a/sbom) of ${image.target.digest} cannot be copied`,
      ),
    });
    expect(await store.resolve('v1')).toMatchObject(image.target);
    const warnings: ProgressEvent[] = [];
    const summary = await copyGraph(from, store, image.target, {
      tag: 'v1',
      referrers: { bestEffort: true },
      onProgress: (event) => event.type === 'warning' && warnings.push(event),
    });
    expect(summary.referrers).toBe(0);
    expect(warnings).toHaveLength(1);
  });
});

describe('copies to a registry that answers wrongly', () => {
  //
  it('send blobs again that it says to have and has lost', async () => {
    const { registry, store } = await start({ manifests: { staleHead: true } });
    await pushImage(store, image);
    for (const { target } of image.blobs) await registry.loseBlob('app', target.digest);
    const next = imageOf('next', { layers: image.blobs.slice(1).map(({ target }) => target) });
    const { store: from } = await start({});
    for (const blob of image.blobs) await from.push(blob.target, blob.bytes);
    await pushImage(from, next);
    const warnings: string[] = [];
    await copyGraph(from, store, next.target, {
      tag: 'next',
      onProgress: (event) => event.type === 'warning' && warnings.push(event.message),
    });
    expect(warnings).toEqual([expect.stringContaining('it is sent again')]);
    const content = await registry.content('app');
    expect(await content.stat(image.blobs[1]?.target ?? image.target)).toBeDefined();
    expect(await store.resolve('next')).toMatchObject(next.target);
  });
});
