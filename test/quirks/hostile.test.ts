import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { isOciError } from '../../src/errors.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { remote, type RemoteStore } from '../../src/remote/remote-store.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, imageOf, noise } from '../conformance/samples.ts';
import { hostileHabits, profile } from '../simulated-registry/profiles.ts';
import type { Quirks } from '../simulated-registry/quirks.ts';
import { type SimulatedRegistry, simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, expectNoLeak, password, seeded, users } from './client.ts';

const layer = blobOf(noise(200_000), mediaTypes.ociLayer);
const image = imageOf('wanted', { layers: [layer.target] });
const other = imageOf('pushed');
const referrer = imageOf('about', { subject: image.target });

/** What may end well: nothing that was sent or read is another than it should be. */
const harmless: ReadonlySet<string> = new Set([
  'wants chunks larger than all memory',
  'stores another digest than was sent',
]);

// Whatever it does, we end, with an error of ours or unharmed, and our secret is nowhere else. In networks of one machine
// the trap is as near as the registry itself, so nothing but the rules for credentials keeps them from it.
describe('a registry that', () => {
  it.each(Object.entries(hostileHabits))('%s', (name, quirks) => expectUnharmed(quirks, harmless.has(name)), 30_000);

  it('does all of it at once', () => expectUnharmed(profile('hostile')), 30_000);
});

it('a registry that sends uploads elsewhere is told apart from where it sends them', async () => {
  await using registry = await simulateRegistry({ location: 'trap', users, anonymous: {} });
  const client = clientOf(registry);
  const [blob = other] = other.blobs;
  const trap = new URL(registry.trap.url).host;
  await expect(remote(registry.repository('app'), client).push(blob.target, blob.bytes)).rejects.toMatchObject({
    code: 'UNAUTHORIZED',
    message: expect.stringContaining(`${trap}, where ${registry.host} sent us, answered 401 Unauthorized`) as string,
    hint: expect.stringContaining('wants what is pushed to be sent there') as string,
    credentials: undefined,
  });
  client.close();
});

async function expectUnharmed(quirks: Quirks, isHarmless = false): Promise<void> {
  await using registry = await simulateRegistry({ ...quirks, users, anonymous: {} });
  await (await registry.content('app')).push(layer.target, layer.bytes);
  await seeded(registry, image);
  const client = clientOf(registry, {}, { timeouts: { idle: 1000, response: 2000, connect: 2000 } });
  const outcomes: unknown[] = [];
  for (const step of steps(remote(registry.repository('app'), client))) outcomes.push(await outcomeOf(step));
  client.close();
  for (const outcome of outcomes) expect(outcome).toSatisfy((one) => one === undefined || isOciError(one));
  expect(outcomes.some((outcome) => outcome !== undefined)).toBe(!isHarmless);
  expectNoLeak(registry, password);
  expectIntact(registry);
  expect(registry.requests.length).toBeLessThan(400);
}

function steps(store: RemoteStore): readonly (() => Promise<void>)[] {
  return [
    // By tag anything may come, but by digest only what it names.
    async () => void (await store.resolve('v1')),
    async () =>
      expect(Buffer.from((await store.fetchManifest(image.target.digest)).bytes)).toEqual(Buffer.from(image.bytes)),
    async () => {
      const local = new MemoryStore();
      await copyGraph(store, local, image.target);
      expect(Buffer.compare(await collect(await local.fetch(layer.target), layer.target.size), layer.bytes)).toBe(0);
    },
    async () => {
      for await (const page of store.tags()) for (const tag of page) expect(tag).toMatch(/^[\w.-]+$/);
    },
    async () => {
      for (const { target, bytes } of [...other.blobs, other]) await store.push(target, bytes);
    },
    async () => void (await store.referrers(image.target)),
    async () => {
      for (const { target, bytes } of [...referrer.blobs, referrer]) await store.push(target, bytes);
    },
    async () => store.deleteTag('v1'),
  ];
}

/** `undefined` when all went well; what a check of this test found is thrown. */
async function outcomeOf(step: () => Promise<void>): Promise<unknown> {
  try {
    await step();
    return undefined;
  } catch (error) {
    if (error instanceof Error && error.name === 'AssertionError') throw error;
    return error;
  }
}

/** Whoever we were sent to got no secret of any kind. */
function expectIntact(registry: SimulatedRegistry): void {
  for (const { headers } of registry.trap.requests) {
    expect(headers.authorization).toBeUndefined();
    expect(headers.cookie).toBeUndefined();
  }
}
