import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { noise, piecesOf } from '../../../test/conformance/samples.ts';
import { openSessions } from '../../../test/quirks/upload-samples.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { type SimulatedRegistry, simulateRegistry } from '../../../test/simulated-registry/simulate.ts';
import { runCrane } from '../../../test/support/crane-command.ts';
import type { InProcessOptions, InProcessResult } from '../../../test/support/in-process.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { until } from '../../../test/support/until.ts';
import { layersOf } from '../../ops/read.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';

/** Bytes that do not shrink, so that they come to twelve pieces. */
const tar = tarOf({ noise: Buffer.from(noise(12 * 1024 * 1024)) });

let registry: SimulatedRegistry;
let work: string;

beforeEach(async () => {
  work = await testDirectory();
  registry = await simulateRegistry({ anonymous: { pull: ['*'], push: ['*'] } });
  onTestFinished(() => registry.close());
  await writeFile(join(work, 'config.yaml'), `hosts: {'${registry.host}': {chunkSize: 1MiB}}\n`);
  await writeFile(join(work, 'layer.tar'), tar);
});

/** What was asked while it ran, but who it is. */
async function append(
  args: readonly string[],
  options: Partial<InProcessOptions> = {},
): Promise<InProcessResult & { readonly requests: readonly string[] }> {
  const first = registry.requests.length;
  const result = await runCrane(['append', '--config', join(work, 'config.yaml'), ...args], options);
  const requests = registry.requests.slice(first).map(({ method, path }) => `${method} ${kindOf(path)}`);
  return { ...result, requests };
}

function kindOf(path: string): string {
  const kinds = ['uploads', 'blobs', 'manifests'];
  return kinds.find((kind) => path.includes(`/${kind}/`)) ?? path;
}

function tag(name = 'new'): string {
  return `${registry.host}/app:${name}`;
}

async function tagged(name = 'new'): Promise<Artifact> {
  const store = await registry.content('app');
  return { store, root: await store.resolve(name) };
}

async function small(): Promise<string> {
  await writeFile(join(work, 'small.tar'), tarOf({ motd: 'hello' }));
  return join(work, 'small.tar');
}

/** Standard input that waits before its end until some of what it becomes was sent. */
async function* slowly(input: Uint8Array, pieces = 2): AsyncGenerator<Uint8Array, void> {
  const most = input.length - 100_000;
  yield* piecesOf(input.subarray(0, most), 65_536);
  const sent = (): number => registry.requests.filter(({ method, status }) => method === 'PATCH' && status > 0).length;
  await until(() => sent() >= pieces);
  yield input.subarray(most);
}

it.each([
  ['that is packed', tar],
  ['that is compressed already', gzipSync(tar, { level: 1 })],
])('a large layer %s is sent while it is read, and makes the same image', async (_, content) => {
  const { code, stdout, requests } = await append(['-f', '-', '-t', tag()], { input: slowly(content) });
  const image = await tagged();
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${registry.host}/app@${image.root.digest}\n` });
  expect(requests.indexOf('PATCH uploads')).toBeLessThan(requests.indexOf('HEAD blobs'));
  expect(await validate(image)).toEqual([]);
  expect(openSessions(registry)).toEqual([]);
  const [layer] = await layersOf(image);
  const sent = registry.requests.filter(({ method }) => method === 'PATCH');
  expect(sent.reduce((sum, { bodyLength }) => sum + bodyLength, 0)).toBe(layer?.size);
});

it.each([
  ['in its place', (): readonly string[] => []],
  ['under another tag', () => ['-t', tag()]],
  ['in another repository', () => ['--repo', `${registry.host}/app`]],
])('mutate --append sends it while it is read, too, %s', async (_, target) => {
  await append(['-f', await small(), '-t', tag('old')]);
  const first = registry.requests.length;
  const args = ['mutate', '--config', join(work, 'config.yaml'), '--append', '-', tag('old'), ...target()];
  const { code, stdout } = await runCrane(args, { input: slowly(tar) });
  const store = await registry.content('app');
  const image = { store, root: await store.resolve(stdout.trim().replace(/^.*@/, '')) };
  expect(code).toBe(0);
  expect(await validate(image)).toEqual([]);
  expect(openSessions(registry)).toEqual([]);
  const [, layer] = await layersOf(image);
  const sent = registry.requests.slice(first).filter(({ method }) => method === 'PATCH');
  expect(sent.reduce((sum, { bodyLength }) => sum + bodyLength, 0)).toBe(layer?.size);
});

it('mutate --append --output sends nothing', async () => {
  await append(['-f', await small(), '-t', tag('old')]);
  const first = registry.requests.length;
  const args = ['mutate', '--append', join(work, 'layer.tar'), tag('old'), '-o', join(work, 'out.tar')];
  expect((await runCrane(args)).code).toBe(0);
  expect(registry.requests.slice(first).filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
});

it('it is the same image from a file, and from a directory one that is whole', async () => {
  await append(['-f', '-', '-t', tag()], { input: slowly(tar) });
  expect((await append(['-f', join(work, 'layer.tar'), '-t', tag('other')])).code).toBe(0);
  expect((await tagged('other')).root).toEqual((await tagged()).root);
  expect((await append(['--dir', `${work}/layer.tar`, '-t', tag('files')])).code).toBe(0);
  expect(await validate(await tagged('files'))).toEqual([]);
  expect(openSessions(registry)).toEqual([]);
});

it('a small layer is not', async () => {
  const { code, requests } = await append(['-f', await small(), '-t', tag()]);
  expect(code).toBe(0);
  expect(requests).not.toContain('PATCH uploads');
});

it('what turns out to be there already is not sent to its end', async () => {
  await append(['-f', join(work, 'layer.tar'), '-t', tag()]);
  const { code, stderr, requests } = await append([
    '-f',
    join(work, 'layer.tar'),
    '-t',
    tag('other'),
    '--history',
    'x',
  ]);
  expect(code).toBe(0);
  const [layer] = await layersOf(await tagged());
  expect(stderr).toContain(`existing blob: ${layer?.digest}`);
  expect(requests.at(-1)).toBe('DELETE uploads');
  expect(openSessions(registry)).toEqual([]);
});

it.each<[string, Uint8Array, RegExp]>([
  ['a cut tar', tar.subarray(0, -20_000), /is no usable tar archive: .*cut short/],
  [
    'a cut gzip',
    gzipSync(tar, { level: 1 }).subarray(0, -20_000),
    /is no usable tar archive: the gzip data is cut short/,
  ],
])('of %s nothing stays at the registry, and it is refused in the same words', async (_, input, message) => {
  const { code, stdout, stderr, requests } = await append(['-f', '-', '-t', tag()], { input: slowly(input) });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
  const small = await append(['-f', '-', '-t', `${registry.host}/app/small:x`], { input: input.subarray(0, 30_000) });
  expect(small.stderr).toMatch(message);
  expect(requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
  expect(requests.at(-1)).toBe('DELETE uploads');
  expect(openSessions(registry)).toEqual([]);
  await expect(tagged()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('Ctrl-C cancels what was begun', async () => {
  const abort = new AbortController();
  let pieces = 0;
  registry.fault = ({ method }) => {
    if (method !== 'PATCH' || ++pieces < 3) return undefined;
    abort.abort(new Error('interrupted'));
    return 'stall';
  };
  const { code, requests } = await append(['-f', join(work, 'layer.tar'), '-t', tag()], { signal: abort.signal });
  expect(code).not.toBe(0);
  expect(requests.filter((request) => request.startsWith('PUT'))).toEqual([]);
  expect(openSessions(registry)).toEqual([]);
});

it('--output asks no registry for anything', async () => {
  const { code, requests } = await append(['-f', join(work, 'layer.tar'), '-t', tag(), '-o', join(work, 'out.tar')]);
  expect(code).toBe(0);
  expect(requests).toEqual([]);
});

it('progress is told of the layer once, and to its end', async () => {
  const { code, stderr } = await append(['--progress', 'json', '-f', '-', '-t', tag()], { input: slowly(tar) });
  expect(code).toBe(0);
  const [layer] = await layersOf(await tagged());
  const events = stderr
    .split('\n')
    .filter((line) => line.includes(layer?.digest ?? '-'))
    .map((line) => JSON.parse(line) as { readonly type: string; readonly offset?: number })
    .filter(({ type }) => type !== 'log');
  const starts = events.filter(({ type }) => type === 'start');
  expect(starts).toHaveLength(1);
  expect(starts[0]?.offset).toBeGreaterThan(0);
  expect(events.at(-1)?.type).toBe('finish');
});

it.each(['ecr', 'ghcr', 'nexus', 'acr'] as const)('to %s, with its limits of pieces, a layer arrives', async (name) => {
  await using strict = await simulateRegistry({
    ...profile(name),
    repositories: ['team/app'],
    users: { joe: { password: 'secret', pull: ['*'], push: ['*'] } },
  });
  await writeFile(join(work, 'config.yaml'), `hosts: {'${strict.host}': {chunkSize: 6MiB}}\n`);
  const target = `${strict.host}/team/app:new`;
  const login = ['-u', 'joe', '--password', 'secret', '--config', join(work, 'config.yaml')];
  const { code, stderr } = await runCrane([...login, 'append', '-f', join(work, 'layer.tar'), '-t', target]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const store = await strict.content('team/app');
  expect(await validate({ store, root: await store.resolve('new') })).toEqual([]);
});
