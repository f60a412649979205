import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
