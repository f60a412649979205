import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyGraph } from '../../src/ops/copy.ts';
import { randomImage } from '../../src/ops/random.ts';
import { fixedKeychain } from '../../src/remote/auth/credential.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import { imageOf, pushImage } from '../conformance/samples.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { crane } from '../support/command.ts';

const image = imageOf('counted');
const joe = { source: 'the test', username: 'joe', password: 'secret' };

// What a command costs is round trips more than anything else: none may come back unnoticed.
describe('a command sends no request that the protocol does not need', () => {
  let open: SimulatedRegistry;
  let withTokens: SimulatedRegistry;

  beforeAll(async () => {
    open = await simulateRegistry();
    withTokens = await simulateRegistry({ users: { joe: { password: 'secret' } } });
    for (const registry of [open, withTokens]) {
      const transport = createTransport({ userAgent: 'test', keychain: fixedKeychain(joe) });
      await pushImage(remote(registry.repository('app'), { transport, access: 'push' }), image, 'v1');
    }
  });

  afterAll(async () => {
    await open.close();
    await withTokens.close();
  });

  it.each([
    ['digest', ['HEAD app/v1']],
    ['manifest', ['GET app/v1']],
    ['config', ['GET app/v1', 'GET config']],
    ['ls', ['GET tags']],
    ['tag', ['GET app/v1', 'PUT app/v2']],
  ])('%s, where nothing is asked for', async (command, requests) => {
    expect(await requestsOf(open, command)).toEqual(requests);
  });

  it.each([
    ['digest', ['HEAD app/v1 401', 'GET token', 'HEAD app/v1']],
    ['manifest', ['GET app/v1 401', 'GET token', 'GET app/v1']],
    ['config', ['GET app/v1 401', 'GET token', 'GET app/v1', 'GET config']],
    ['ls', ['GET tags 401', 'GET token', 'GET tags']],
    ['tag', ['GET app/v1 401', 'GET token', 'GET app/v1', 'PUT app/v2']],
  ])('%s, where a token is needed', async (command, requests) => {
    expect(await requestsOf(withTokens, command)).toEqual(requests);
  });
});

describe('mutate of an image of 50 layers', () => {
  let open: SimulatedRegistry;
  let withTokens: SimulatedRegistry;

  beforeAll(async () => {
    open = await simulateRegistry();
    withTokens = await simulateRegistry({ users: { joe: { password: 'secret' } } });
    const { store, root } = await randomImage({ layers: 50, layerSize: 20 });
    for (const registry of [open, withTokens]) {
      const transport = createTransport({ userAgent: 'test', keychain: fixedKeychain(joe) });
      await copyGraph(store, remote(registry.repository('app'), { transport, access: 'push' }), root, { tag: 'v1' });
    }
  });

  afterAll(async () => {
    await open.close();
    await withTokens.close();
  });

  const edit = ['POST upload', 'PUT upload', 'PUT app/v1'];

  it('in its place sends nothing for any layer', async () => {
    const requests = await mutationOf(open, [`${open.host}/app:v1`, '-l', 'a=1']);
    expect(requests.toSorted()).toEqual(['GET app/v1', 'GET blob', ...edit].toSorted());
  });

  it('in its place needs one token', async () => {
    const name = `${withTokens.host}/app:v1`;
    const requests = await mutationOf(withTokens, [name, '-l', 'a=1'], ['-u', 'joe', '-p', 'secret']);
    const asked = ['GET app/v1 401', 'GET token', 'GET app/v1', 'GET blob'];
    expect(requests.toSorted()).toEqual([...asked, ...edit].toSorted());
  });

  it('to another repository mounts the layers, with no more requests than crane sends', async () => {
    const name = `${open.host}/other:v1`;
    const requests = await mutationOf(open, [`${open.host}/app:v1`, '-l', 'b=1', '-t', name]);
    expect(requests.filter((request) => request === 'POST mount')).toHaveLength(50);
    expect(requests.filter((request) => /^(?:POST|PUT) upload|GET blob/.test(request))).toEqual([
      'GET blob',
      'POST upload',
      'PUT upload',
    ]);
    // Without the question for the API's version: crane asks for the tag and each blob, mounts, uploads with a PATCH between.
    expect(requests.length).toBeLessThanOrEqual(2 + 1 + 51 + 50 + 3 + 1);
  });

  it('that changes nothing pushes nothing, and to another tag the manifest only', async () => {
    const name = `${open.host}/app:v1`;
    expect(await mutationOf(open, [name])).toEqual(['GET app/v1', 'HEAD app/v1']);
    const inPlace = await mutationOf(open, [name, '--unset-label', 'none']);
    expect(inPlace.toSorted()).toEqual(['GET app/v1', 'GET blob', 'HEAD app/v1']);
    const other = await mutationOf(open, [name, '--unset-label', 'none', '-t', `${open.host}/app:v2`]);
    expect(other.toSorted()).toEqual(['GET app/v1', 'GET blob', 'HEAD app/v2', 'PUT app/v2']);
  });
});

async function mutationOf(
  registry: SimulatedRegistry,
  args: readonly string[],
  login: readonly string[] = [],
): Promise<readonly string[]> {
  registry.requests.length = 0;
  const result = await crane([...login, 'mutate', ...args]);
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return registry.requests.map(({ server, method, path, query, status }) => {
    const shown = server === 'registry' ? shownPath(path, query.has('mount')) : 'token';
    return `${method} ${shown}${status === 401 ? ' 401' : ''}`;
  });
}

function shownPath(path: string, isMount: boolean): string {
  const [, , repository = '', kind, name] = path.split('/');
  if (kind === 'manifests') return `${repository}/${name}`;
  return name === 'uploads' ? (isMount ? 'mount' : 'upload') : 'blob';
}

async function requestsOf(registry: SimulatedRegistry, command: string): Promise<readonly string[]> {
  registry.requests.length = 0;
  const login = command === 'tag' ? ['-u', 'joe', '-p', 'secret'] : [];
  const name = command === 'ls' ? `${registry.host}/app` : `${registry.host}/app:v1`;
  const result = await crane([...login, command, name, ...(command === 'tag' ? ['v2'] : [])]);
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return registry.requests.map(({ server, method, path, status }) => {
    const what = server === 'registry' ? path.replace('/v2/app/', '').replace('manifests/', 'app/') : 'token';
    const shown = what.startsWith('blobs/') ? 'config' : what.replace('tags/list', 'tags');
    return `${method} ${shown}${status === 401 ? ' 401' : ''}`;
  });
}
