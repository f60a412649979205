import { expect } from 'vitest';
import type { Credential } from '../../src/remote/auth/credential.ts';
import { nodeHttp } from '../../src/remote/transport/node-http.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { pushImage, type SampleImage } from '../conformance/samples.ts';
import type { SimulatedRegistry } from '../simulated-registry/simulate.ts';
import type { Users } from '../simulated-registry/users.ts';

/** Looks like nothing else, so that it is found wherever it got to. */
export const password = 'a-secret-nobody-else-has';

/** A robot's name, as Harbor and Quay make them. */
export const username = 'robot$team+ci';

export const users: Users = { [username]: { password } };

export interface Client {
  readonly transport: Transport;
  readonly access: 'push';
  readonly close: () => void;
}

type Options = Partial<Parameters<typeof createTransport>[0]>;

/** What a program has to speak with a simulated registry, with little patience. */
export function clientOf(
  registry: SimulatedRegistry,
  credential: Partial<Credential> = {},
  options: Options = {},
): Client {
  const exchange = nodeHttp(registry.ca === undefined ? {} : { ca: registry.ca });
  const transport = createTransport({
    userAgent: 'test',
    exchange,
    keychain: async ({ registry: asked }) =>
      asked === registry.name ? { source: 'the test', username, password, ...credential } : undefined,
    retry: { baseDelay: 1, maxDelay: 5 },
    timeouts: { idle: 2000, response: 5000 },
    ...options,
  });
  return { transport, access: 'push', close: () => transport.close() };
}

/** A store of a registry without a login, with little patience. */
export function storeOf(registry: SimulatedRegistry, name = 'app', options: Options = {}): RemoteStore {
  return remote(registry.repository(name), clientOf(registry, {}, options));
}

/** A repository with an image in it, put there past all quirks. */
export async function seeded(registry: SimulatedRegistry, image: SampleImage, tag = 'v1', name = 'app'): Promise<void> {
  await pushImage(await registry.content(name), image, tag);
}

/** Requests of one method to paths with a part, of one server. */
export function countOf(registry: SimulatedRegistry, method: string, part: string, server = 'registry'): number {
  return registry.requests.filter((one) => one.method === method && one.path.includes(part) && one.server === server)
    .length;
}

/** The secret went to the registry and its token server only. */
export function expectNoLeak(registry: SimulatedRegistry, secret: string): void {
  const forms = [secret, Buffer.from(`${username}:${secret}`).toString('base64'), encodeURIComponent(secret)];
  for (const { server, target, headers } of registry.requests) {
    if (server !== 'store' && server !== 'trap') continue;
    expect(headers.authorization, `${server} ${target}`).toBeUndefined();
    const shown = `${target} ${JSON.stringify(headers)}`;
    for (const form of forms) expect(shown).not.toContain(form);
  }
}
