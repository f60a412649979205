import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { isOciError } from '../../src/errors.ts';
import { parseTag } from '../../src/oci/reference.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { checkAccess } from '../../src/remote/authorization.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { canListTags } from '../../src/store/capabilities.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { noise } from '../conformance/samples.ts';
import { blobOf, type Sample } from '../conformance/samples.ts';
import { type ProfileName, profile, profileNames } from '../simulated-registry/profiles.ts';
import type { Quirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { craneInProcess } from '../support/in-process.ts';
import { testDirectory } from '../support/test-directory.ts';
import { type Client, clientOf, expectNoLeak, password, username, users } from './client.ts';

const mebibyte = 1024 * 1024;
const writable = profileNames.filter((name) => name !== 'redhat' && name !== 'hostile');

describe.each(writable)('%s', (name) => {
  it('takes the credentials there are, and refuses wrong ones', async () => {
    await using session = await begin(name);
    await checkAccess(session.registry.name, session.client);
    const wrong = clientOf(session.registry, { password: 'wrong' });
    await expect(checkAccess(session.registry.name, wrong)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    wrong.close();
  });

  it('takes an image for several platforms with a referrer, lists, copies, sends through cut connections, deletes', async () => {
    await using session = await begin(name);
    const image = imageFor(session.registry.quirks);
    const source = await localStore(image);
    const app = session.open('team/app');
    await copyGraph(source, app, image.index.target, { tag: 'v1' });
    await expectHeld(session.registry, 'team/app', image);
    await pushReferrers(session, app, image);
    await listsTags(session, app, image);
    expect(await session.open('team/app').resolve('v1')).toEqual(image.index.target);
    await copies(session, image);
    await pullsThroughCuts(session, image);
    await deletes(session, app, image);
    expectNoLeak(session.registry, password);
  });

  it('is spoken with on the command line', async () => {
    await using session = await begin(name);
    const { registry } = session;
    const image = imageFor(registry.quirks);
    const held = await registry.content('team/app');
    await copyGraph(await localStore(image), held, image.index.target, { tag: 'v1' });
    const crane = await commandLine(registry);
    await crane(['auth', 'login', registry.host, '-u', username, '--password-stdin'], password);
    const app = `${registry.host}/team/app`;
    expect(await crane(['digest', `${app}:v1`])).toBe(`${image.index.target.digest}\n`);
    expect(await crane(['ls', app])).toBe('v1\n');
    await crane(['copy', `${app}:v1`, `${registry.host}/team/copy:v1`]);
    await expectHeld(registry, 'team/copy', image);
    await crane(['tag', `${app}:v1`, 'v2']);
    expect(await crane(['manifest', `${app}:v2`])).toBe(Buffer.from(image.index.bytes).toString());
    expectNoLeak(registry, password);
  });

  it('has a word about manifests it does not take', async () => {
    await using session = await begin(name);
    const { manifests } = session.registry.quirks;
    const app = session.open('team/app');
    const config = blobOf('{}', mediaTypes.dockerConfig);
    const document = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config: config.target, layers: [] };
    const docker = blobOf(JSON.stringify(document), mediaTypes.dockerManifest);
    await app.push(config.target, config.bytes);
    const pushed = app.push(docker.target, docker.bytes);
    if (manifests?.rejectDockerTypes === undefined) await pushed;
    else await expect(pushed).rejects.toThrow(/docker\.distribution\.manifest\.v2\+json/);
  });
});

describe('redhat', () => {
  it('is read by tag and digest, lists its tags, and cannot be written to', async () => {
    await using session = await begin('redhat');
    const image = imageFor(session.registry.quirks);
    const held = await session.registry.content('team/app');
    await copyGraph(await localStore(image), held, image.index.target, { tag: 'v1' });
    const app = session.open('team/app');
    expect(await app.resolve('v1')).toEqual(image.index.target);
    await listsTags(session, app, image, ['v1']);
    await pullsThroughCuts(session, image);
    await expect(app.referrers(image.index.target)).resolves.toEqual([]);
    await expect(app.resolve('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(app.deleteTag('v1')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expectNoLeak(session.registry, password);
  });
});

/** Runs commands that have to succeed, with a home of their own, and gives what they print. */
async function commandLine({
  caFile,
}: SimulatedRegistry): Promise<(args: string[], stdin?: string) => Promise<string>> {
  const home = await testDirectory();
  const env = { HOME: home, DOCKER_CONFIG: home, ...(caFile === undefined ? {} : { SSL_CERT_FILE: caFile }) };
  return async (args, stdin = '') => {
    const { code, stdout, stderr } = await craneInProcess(args, { env, home, input: stdin });
    expect({ code, stderr }, args.join(' ')).toMatchObject({ code: 0 });
    return stdout;
  };
}

interface Session extends AsyncDisposable {
  readonly registry: SimulatedRegistry;
  readonly client: Client;
  /** A store that has not seen anything yet. */
  readonly open: (repository: string) => RemoteStore;
}

async function begin(name: ProfileName): Promise<Session> {
  const repositories = ['team/app', 'team/copy'];
  const registry = await simulateRegistry({ ...profile(name), users, repositories });
  const client = clientOf(registry);
  return {
    registry,
    client,
    open: (repository) => remote(registry.repository(repository), client),
    async [Symbol.asyncDispose]() {
      client.close();
      await registry.close();
    },
  };
}

interface Image {
  readonly index: Sample;
  readonly manifests: readonly Sample[];
  readonly blobs: readonly Sample[];
  readonly large: Sample;
}

/** Two platforms of three layers each, one of them shared and larger than what the registry takes at once. */
function imageFor({ upload = {} }: Quirks): Image {
  const { maxPatch = 0, minChunk = 0, maxPut = 0 } = upload;
  const bounds = [maxPatch, minChunk, maxPut].filter((bound) => bound < 32 * mebibyte);
  const large = blobOf(noise(Math.max(...bounds, 2 * mebibyte) + mebibyte + 13), mediaTypes.ociLayerGzip);
  const parts = ['amd64', 'arm64'].map((architecture) => {
    const config = blobOf(
      JSON.stringify({ architecture, os: 'linux', rootfs: { type: 'layers' } }),
      mediaTypes.ociConfig,
    );
    const layers = [
      blobOf(`one of ${architecture}`, mediaTypes.ociLayer),
      large,
      blobOf(noise(70_000, 7), mediaTypes.ociLayer),
    ];
    const document = { config: config.target, layers: layers.map(({ target }) => target) };
    const manifest = manifestOf(mediaTypes.ociManifest, document);
    return { manifest, blobs: [config, ...layers], architecture };
  });
  const manifests = parts.map(({ manifest, architecture }) =>
    Object.assign({}, manifest.target, { platform: { os: 'linux', architecture } }),
  );
  return {
    index: manifestOf(mediaTypes.ociIndex, { manifests }),
    manifests: parts.map(({ manifest }) => manifest),
    blobs: parts.flatMap(({ blobs }) => blobs),
    large,
  };
}

function manifestOf(mediaType: string, document: object): Sample {
  return blobOf(JSON.stringify({ schemaVersion: 2, mediaType, ...document }), mediaType);
}

async function localStore({ index, manifests, blobs }: Image): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const { target, bytes } of [...blobs, ...manifests, index]) await store.push(target, bytes);
  return store;
}

async function expectHeld(registry: SimulatedRegistry, name: string, image: Image): Promise<void> {
  const content = await registry.content(name);
  for (const { target } of [...image.blobs, ...image.manifests, image.index]) {
    expect(await content.stat({ ...target, mediaType: target.mediaType })).toMatchObject({ size: target.size });
  }
}

/** One in the manner of the specification and one with the type in its config; what is refused has to be said. */
async function pushReferrers({ registry }: Session, app: RemoteStore, { index }: Image): Promise<void> {
  const { manifests = {} } = registry.quirks;
  const empty = blobOf('{}', mediaTypes.ociEmpty);
  await app.push(empty.target, empty.bytes);
  const artifactType = 'application/vnd.example.signature';
  const signature = manifestOf(mediaTypes.ociManifest, {
    artifactType,
    config: empty.target,
    layers: [empty.target],
    subject: index.target,
  });
  const pushed = app.push(signature.target, signature.bytes);
  if (manifests.artifactAllowList !== undefined) {
    await expect(pushed).rejects.toThrow(/is not one of/);
    return;
  }
  if (manifests.rejectReferrers !== undefined) {
    await expect(pushed).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    return;
  }
  await pushed;
  const found = await app.referrers(index.target);
  expect(found.map(({ digest }) => digest)).toEqual([signature.target.digest]);
  expect(await app.referrers(index.target, { artifactType })).toHaveLength(1);
  expect(await app.referrers(index.target, { artifactType: 'application/vnd.other' })).toEqual([]);
}

const further: readonly string[] = ['b', 'c', 'a', 'latest', 'v1.0', 'v0'];

async function listsTags(
  { open }: Session,
  app: RemoteStore,
  { index }: Image,
  expected: readonly string[] = [...further, 'v1'],
): Promise<void> {
  for (const tag of expected) if (tag !== 'v1') await app.tag(index.target, parseTag(tag));
  for (const pageSize of [3, 1000, 5000]) {
    const store = open('team/app');
    if (!canListTags(store)) throw new Error('A remote store lists tags');
    const tags: string[] = [];
    for await (const page of store.tags({ pageSize })) tags.push(...page);
    expect(tags.filter((tag) => !tag.startsWith('sha256-')).sort()).toEqual([...expected].sort());
  }
}

async function copies({ open, registry }: Session, image: Image): Promise<void> {
  await copyGraph(open('team/app'), open('team/copy'), image.index.target, { tag: 'copied' });
  await expectHeld(registry, 'team/copy', image);
  expect(await open('team/copy').resolve('copied')).toEqual(image.index.target);
}

async function pullsThroughCuts({ open, registry }: Session, image: Image): Promise<void> {
  registry.quirks.blobBody = { ...registry.quirks.blobBody, cutAfter: mebibyte };
  const local = new MemoryStore();
  const app = open('team/app');
  await copyGraph(app, local, await app.resolve('v1'), { tag: 'v1' });
  const pulled = await collect(await local.fetch(image.large.target), image.large.target.size);
  expect(Buffer.compare(pulled, image.large.bytes)).toBe(0);
  const large = registry.requests.filter(({ sent, fault }) => sent >= mebibyte && fault === undefined);
  expect(large.length).toBeGreaterThan(1);
  delete registry.quirks.blobBody;
}

async function deletes({ registry, open }: Session, app: RemoteStore, { index }: Image): Promise<void> {
  const { tag, digest } = registry.quirks.del ?? {};
  if (digest === 'dangling-tag') await expect(app.deleteManifest(index.target.digest)).rejects.toThrow(/DANGLING_TAG/);
  if (isRefusal(tag)) await expectUnsupported(app.deleteTag('v0'));
  else await app.deleteTag('v0');
  if (digest === 'dangling-tag') for (const other of [...further, 'v1']) if (other !== 'v0') await app.deleteTag(other);
  if (isRefusal(digest)) {
    await expectUnsupported(app.deleteManifest(index.target.digest));
    return;
  }
  await app.deleteManifest(index.target.digest);
  await expect(open('team/app').fetchManifest(index.target.digest)).rejects.toSatisfy(isGone);
}

function isRefusal(status: number | string | undefined): boolean {
  return typeof status === 'number' && status >= 400;
}

/** whoever hides what is missing says something else, but never that it is there. */
function isGone(error: unknown): boolean {
  return isOciError(error) && ['NOT_FOUND', 'DENIED', 'UNAUTHORIZED'].includes(error.code);
}

async function expectUnsupported(deleted: Promise<void>): Promise<void> {
  await expect(deleted).rejects.toMatchObject({ code: 'UNSUPPORTED', hint: expect.stringMatching(/delet/) as string });
}
