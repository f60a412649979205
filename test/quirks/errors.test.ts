import { describe, expect, it } from 'vitest';
import { OciError } from '../../src/errors.ts';
import { imageOf } from '../conformance/samples.ts';
import type { Fault } from '../simulated-registry/faults.ts';
import { type SimulatedRegistry, type SimulateOptions, simulateRegistry } from '../simulated-registry/simulate.ts';
import { clientOf, countOf, expectNoLeak, password, seeded, storeOf, username, users } from './client.ts';
import { remote } from '../../src/remote/remote-store.ts';

const image = imageOf('errors');

describe('a limit on requests', () => {
  it.each([
    ['seconds', { retryAfter: 'sec' }, 1000],
    ['a date', { retryAfter: 'date' }, 1000],
    ['no time at all', { retryAfter: 'zero' }, 0],
  ] as const)('is waited for as long as the registry says in %s (Q-80)', async (_, limit, wait) => {
    await using registry = await withImage({ limit: { after: 0, times: 1, ...limit } });
    const waits: number[] = [];
    const store = storeOf(registry, 'app', { sleep: async (milliseconds) => void waits.push(milliseconds) });
    expect(await store.resolve('v1')).toEqual(image.target);
    for (const waited of waits) expect(waited).toBeLessThanOrEqual(wait + 1000);
    if (wait > 0) expect(waits.some((waited) => waited > 0)).toBe(true);
  });

  it.each(['none', 'body-us'] as const)(
    'is waited for by our own measure where the time is said by %s (Q-80)',
    async (retryAfter) => {
      await using registry = await withImage({ limit: { after: 0, times: 2, retryAfter } });
      expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
    },
  );

  it('that lasts a day fails at once and says how long (Q-80)', async () => {
    await using registry = await withImage({ limit: { after: 0, times: 99, retryAfter: 'huge', headers: true } });
    const failure = await failureOf(storeOf(registry).fetchManifest('v1'));
    expect(failure).toMatchObject({ code: 'RATE_LIMITED' });
    expect(`${failure.message} ${failure.hint}`).toMatch(/24 ?h|86400|1 day|24 hours/);
    expect(registry.requests.length).toBeLessThan(3);
  });

  it.each([
    ['a 403 that means it', { status: 403, body: 'secondary' }],
    ['plain text', { body: 'text' }],
    ['a page', { body: 'html' }],
    ['a 403 with the code for it', { status: 403 }],
    ['a 400 with the code for it', { status: 400 }],
    ['a 503', { status: 503 }],
  ] as const)('is waited for in the guise of %s (Q-80)', async (_, guise) => {
    await using registry = await withImage({ limit: { after: 0, times: 1, retryAfter: 'zero', ...guise } });
    expect((await storeOf(registry).fetchManifest('v1')).descriptor).toEqual(image.target);
  });

  it('is named as what it is when it does not pass (Q-80)', async () => {
    await using registry = await withImage({
      limit: { after: 0, times: 99, retryAfter: 'zero', status: 403, body: 'secondary' },
    });
    await expect(storeOf(registry).fetchManifest('v1')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });
});

describe('passing failures', () => {
  it.each([408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524])('%i is tried again (Q-81)', async (status) => {
    await using registry = await withImage({});
    expect(await once(registry, status)).toEqual(image.target);
  });

  it.each<Fault>(['cut', { cutAnswerAfter: 10 }])(
    'a connection that breaks is tried again: %j (Q-81)',
    async (fault) => {
      await using registry = await withImage({});
      expect(await once(registry, fault)).toEqual(image.target);
    },
  );

  it.each([501, 505])('%i is not tried again (Q-81)', async (status) => {
    await using registry = await withImage({});
    registry.fault = () => status;
    await expect(storeOf(registry).fetchManifest('v1')).rejects.toMatchObject({ status });
    expect(registry.requests).toHaveLength(1);
  });
});

describe('what a registry says of a failure', () => {
  it.each([
    ['oci', 'No manifest is named'],
    ['message', 'No manifest is named'],
    ['details', 'No manifest is named'],
    ['detail-string', 'a text'],
    ['detail-array', 'Action'],
    ['xml', '404'],
    ['html', '404'],
    ['empty', '404'],
    ['huge', '404'],
  ] as const)('is in the message in the form "%s" (Q-82)', async (errors, part) => {
    await using registry = await withImage({ errors });
    const failure = await failureOf(storeOf(registry).fetchManifest('none'));
    expect(failure).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(part) as string });
    expect(failure.message.length).toBeLessThan(5000);
    expect(failure.message).not.toMatch(/<|\n/);
  });

  it.each(['x-github-request-id', 'x-amzn-requestid', 'cf-ray'])(
    'comes with the id of the request in %s (Q-82)',
    async (requestId) => {
      await using registry = await withImage({ requestId });
      await expect(storeOf(registry).fetchManifest('none')).rejects.toMatchObject({
        requestId: expect.stringMatching(/^request-\d+$/) as string,
      });
    },
  );

  it.each([401, 403] as const)('is asked for by GET where HEAD says %i and nothing more (Q-82)', async (notFoundAs) => {
    await using registry = await withImage({ notFoundAs });
    const failure = await failureOf(storeOf(registry).resolve('none'));
    expect(failure.message).toMatch(/access forbidden|authentication required/);
  });

  it('as a warning is told once (Q-83)', async () => {
    await using registry = await withImage({ warnings: ['closes on Monday', 'closes on Monday'] });
    const warnings: string[] = [];
    const store = storeOf(registry, 'app', {
      onEvent: (event) => {
        if (event.type === 'warning') warnings.push(event.message);
      },
    });
    await store.resolve('v1');
    await store.fetchManifest('v1');
    expect(warnings).toEqual([`${registry.host}: closes on Monday`]);
  });
});

describe('names and schemes', () => {
  it('a TLS registry gets no request over plain http, nor a login (Q-86)', async () => {
    await using registry = await withImage({ tls: true, users, anonymous: {} });
    expect(await storeOf(registry).resolve('v1')).toEqual(image.target);
    expect(registry.requests.every(({ status }) => status !== 0)).toBe(true);
  });

  it('a certificate nobody knows is an error and no reason for plain http (Q-86)', async () => {
    await using registry = await withImage({ tls: true, users, anonymous: {} });
    const client = clientOf({ ...registry, ca: undefined });
    const failed = remote(registry.repository('app'), client).resolve('v1');
    await expect(failed).rejects.toThrow(/certificate/);
    expect(registry.requests).toEqual([]);
    client.close();
  });

  it.each(['one', 'two/parts', 'three/parts/here', 'a/b/c/d/e/f/g'])(
    'a repository may have any depth: %s (Q-88)',
    async (name) => {
      await using registry = await simulateRegistry({});
      await seeded(registry, image, 'v1', name);
      expect(await storeOf(registry, name).resolve('v1')).toEqual(image.target);
    },
  );

  it('a name the registry does not allow is named in the error (Q-88)', async () => {
    await using registry = await simulateRegistry({ names: /\// });
    const [layer] = image.blobs;
    const { target, bytes } = layer ?? image;
    await expect(storeOf(registry, 'library').push(target, bytes)).rejects.toThrow(/library/);
    await storeOf(registry, 'project/app').push(target, bytes);
  });

  it('names and passwords of robots arrive as they are, scopes are encoded once (Q-88, Q-89)', async () => {
    const odd = 'pass:word+ $%2B é';
    await using registry = await withImage({ users: { [username]: { password: odd } }, anonymous: {} });
    const client = clientOf(registry, { password: odd });
    expect(await remote(registry.repository('app'), client).resolve('v1')).toEqual(image.target);
    expect(registry.tokenServer.requests.at(-1)?.query.getAll('scope')[0]).toMatch(/^repository:app:/);
    client.close();
  });

  it('a digest may be written with its colon escaped (Q-89)', async () => {
    await using registry = await withImage({});
    const answer = await fetch(`${registry.url}/v2/app/manifests/${encodeURIComponent(image.target.digest)}`);
    expect(answer.status).toBe(200);
    expectNoLeak(registry, password);
    expect(countOf(registry, 'GET', 'manifests')).toBe(1);
  });
});

async function withImage(options: SimulateOptions): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  await seeded(registry, image);
  return registry;
}

/** Resolves a tag while the first request goes wrong. */
async function once(registry: SimulatedRegistry, fault: Fault): Promise<unknown> {
  registry.fault = () => (registry.requests.length === 1 ? fault : undefined);
  return (await storeOf(registry).fetchManifest('v1')).descriptor;
}

async function failureOf(task: Promise<unknown>): Promise<OciError> {
  const failure = await task.catch((error: unknown) => error);
  if (failure instanceof OciError) return failure;
  throw new Error('It did not fail as it should', { cause: failure });
}
