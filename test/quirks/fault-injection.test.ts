import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { messageOf } from '../../src/errors.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { fixedKeychain } from '../../src/remote/auth/credential.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, imageOf, noise, type Sample } from '../conformance/samples.ts';
import { faultKinds, randomFaults, randomNumbers } from '../simulated-registry/faults.ts';
import { simulateRegistry } from '../simulated-registry/simulate.ts';

const runs = 200;
const together = 10;
const users = { joe: { password: 'secret' } };
const joe = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });

// Cuts at a random byte, 5xx bursts, stalls, tokens that expire in the middle, lost and repeated answers, at both ends at once.
describe('a copy between two registries of which every sixth request goes wrong', () => {
  it.each(Array.from({ length: runs / together }, (_, group) => group * together))(
    'arrives whole, seeds from %i',
    async (first) => {
      const seeds = Array.from({ length: together }, (_, i) => first + i);
      const failures = await Promise.all(seeds.map(async (seed) => failureOf(seed)));
      expect(failures.filter((failure) => failure !== undefined)).toEqual([]);
    },
    120_000,
  );
});

async function failureOf(seed: number): Promise<string | undefined> {
  try {
    await copyUnderFaults(seed);
    return undefined;
  } catch (error) {
    return `seed ${seed}: ${messageOf(error)}`;
  }
}

async function copyUnderFaults(seed: number): Promise<void> {
  await using from = await simulateRegistry({ users });
  await using to = await simulateRegistry({ users });
  const { root, samples } = indexFor(seed);
  const made = await from.content('app');
  for (const { target, bytes } of samples) await made.push(target, bytes);
  await made.tag(root, 'v1');
  const kinds = seed % 5 === 0 ? faultKinds : undefined;
  // A run that hangs names its seed.
  const signal = AbortSignal.timeout(100_000);
  const transport = impatient(seed);
  const source = remote(from.repository('app'), { transport });
  const target = remote(to.repository('copy'), { transport, access: 'push' });
  // Of a host that never answered nobody knows whether it ever will.
  await Promise.all([source.stat(root), target.stat(root)]);
  from.fault = randomFaults(seed * 2, { percent: 16, kinds });
  to.fault = randomFaults(seed * 2 + 1, { percent: 16, kinds });
  await copyGraph(source, target, await source.resolve('v1', { signal }), { tag: 'v1', signal });
  expect(await (await to.content('copy')).resolve('v1')).toEqual(root);
  const back = new MemoryStore();
  await copyGraph(target, back, root, { signal });
  for (const { target: one, bytes } of samples) {
    expect(Buffer.from(await collect(await back.fetch(one), one.size)).equals(bytes)).toBe(true);
  }
  transport.close();
}

/** The waits of a bad network, shortened. */
function impatient(seed: number): Transport {
  return createTransport({
    userAgent: 'test',
    keychain: joe,
    random: randomNumbers(seed),
    retry: { retries: 8, baseDelay: 1, maxDelay: 4 },
    timeouts: { connect: 5000, response: 2000, idle: 500, commit: 2000 },
  });
}

/** An index of two images that share a layer; some layers are larger than what a cut lets pass. */
function indexFor(seed: number): { readonly root: Descriptor; readonly samples: readonly Sample[] } {
  const shared = blobOf(noise(150_000, seed + 1), mediaTypes.ociLayer);
  const samples = [shared];
  const manifests = ['amd64', 'arm64'].map((architecture, i) => {
    const own = blobOf(noise(40_000 + 7000 * i, seed + 1000 + i), mediaTypes.ociLayer);
    const [config, small] = imageOf(`${architecture} ${seed}`).blobs;
    if (config === undefined || small === undefined) throw new Error('An image has two blobs');
    const layers = [shared.target, own.target, small.target];
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.target, layers };
    const encoded = blobOf(JSON.stringify(manifest), mediaTypes.ociManifest);
    samples.push(own, config, small, encoded);
    const { mediaType, digest, size } = encoded.target;
    return { mediaType, digest, size, platform: { os: 'linux', architecture } };
  });
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  const root = blobOf(JSON.stringify(index), mediaTypes.ociIndex);
  return { root: root.target, samples: [...samples, root] };
}
