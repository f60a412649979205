import { describe, it } from 'vitest';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { Artifact } from '../../../src/store/artifact.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import { basedOn, stacked, stackedIndex } from '../../support/based-images.ts';
import { builtImage, builtIndex } from '../../support/built-image.ts';
import { imageRegistry } from '../../support/image-registry.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { expectRefusal } from '../../support/refusal.ts';

const images = imageRegistry();
const zeros = '0'.repeat(64);

interface Inputs {
  readonly app?: Artifact;
  readonly old?: Artifact;
  readonly now?: Artifact;
  readonly args?: readonly string[];
}

/** Rebases `app:v1` from `base:old` to `base:new`, any of which may be bad. */
async function expectRefused(inputs: Inputs, ...says: readonly (string | RegExp)[]): Promise<void> {
  const app = await images.put(inputs.app ?? (await stacked(['old', 'app'])));
  const old = await images.put(inputs.old ?? (await stacked(['old'])), 'old', 'base');
  const now = await images.put(inputs.now ?? (await stacked(['new'])), 'new', 'base');
  const args = ['rebase', app, '--old_base', old, '--new_base', now, ...(inputs.args ?? [])];
  expectRefusal(await run(args), ...says);
}

async function run(args: readonly string[]): Promise<Parameters<typeof expectRefusal>[0]> {
  const result = await craneInProcess(args, { home: '/nowhere' });
  return { ...result, signal: null, peakMemory: 0, stdoutBytes: Buffer.from(result.stdout) };
}

async function added(document: object, mediaType: string, store = new MemoryStore()): Promise<Artifact> {
  return { store, root: await store.add(Buffer.from(JSON.stringify(document)), mediaType) };
}

async function artifact(): Promise<Artifact> {
  const store = new MemoryStore();
  const config = await store.add(Buffer.from('{}'), mediaTypes.ociEmpty);
  return added(
    { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] },
    mediaTypes.ociManifest,
    store,
  );
}

const schema1 = (): Promise<Artifact> => added({ schemaVersion: 1, fsLayers: [] }, mediaTypes.dockerSchema1);

async function withConfig(text: string): Promise<Artifact> {
  const store = new MemoryStore();
  const config = await store.add(Buffer.from(text), mediaTypes.ociConfig);
  return builtImage({ tars: [Buffer.from('old')], manifest: { config } }, store);
}

const empty = (): Promise<Artifact> => builtIndex(new MemoryStore(), []);

describe('rebase of what cannot be rebased is refused in one line', () => {
  it('an artifact', async () => expectRefused({ app: await artifact() }, 'artifact', 'sha256:'));
  it('an artifact as the old base', async () => expectRefused({ old: await artifact() }, 'the old base', 'artifact'));
  it('an artifact as the new base', async () => expectRefused({ now: await artifact() }, 'the new base', 'artifact'));
  it('schema 1', async () => expectRefused({ app: await schema1() }, 'sha256:', mediaTypes.dockerSchema1));
  it('schema 1 as the new base', async () => expectRefused({ now: await schema1() }, 'the new base'));
  it('a config that is no JSON', async () => expectRefused({ app: await withConfig('no') }, /config sha256:\w+/i));
  it('a config with a history that is none', async () =>
    expectRefused({ app: await withConfig('{"history":[1]}') }, /config sha256:\w+/i, 'history[0]'));
  it('diff IDs that are none', async () =>
    expectRefused({ app: await withConfig('{"rootfs":{"diff_ids":["x"]}}') }, /config sha256:\w+/i, '"x"'));
  it('an index without images', async () => expectRefused({ app: await empty() }, 'has no images'));
  it('an index without images as the new base', async () =>
    expectRefused({ now: await empty() }, 'the new base', 'linux/amd64'));
  it('a platform that the image does not have', async () =>
    expectRefused({ app: await stackedIndex(['old'], ['amd64']), args: ['--platform', 'linux/s390x'] }, 'linux/s390x'));
  it('an index on a base for one platform only', async () => {
    const both = ['amd64', 'arm64'];
    const [app, old] = [await stackedIndex(['old', 'app'], both), await stackedIndex(['old'], both)];
    await expectRefused({ app, old }, 'the new base', 'is for linux/amd64, not for linux/arm64');
  });
  it('a result in an archive', async () => {
    const args = ['rebase', 'oci-archive:none.tar:v1', '--old_base', 'a', '--new_base', 'b'];
    expectRefusal(await run(args), 'none.tar', 'archive');
  });
  it('a digest annotation of another algorithm', async () => {
    const said = basedOn(`${images.host}/base:1`, await stacked(['old']));
    const annotations = { ...said, 'org.opencontainers.image.base.digest': `md5:${zeros}` };
    const app = await images.put(await stacked(['old', 'app'], { annotations }));
    expectRefusal(await run(['rebase', app]), 'base.digest', 'md5');
  });
});
