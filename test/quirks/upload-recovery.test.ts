import { array, assert, asyncProperty, boolean, integer, nat } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collect } from '../../src/content/bytes.ts';
import { parseRepository } from '../../src/oci/reference.ts';
import { remote } from '../../src/remote/remote-store.ts';
import { createTransport } from '../../src/remote/transport/transport.ts';
import type { ProgressEvent } from '../../src/store/progress.ts';
import { piecesOf, WatchedStream } from '../conformance/samples.ts';
import type { Fault } from '../simulated-registry/faults.ts';
import type { UploadQuirks } from '../simulated-registry/quirks.ts';
import { simulateRegistry } from '../simulated-registry/simulate.ts';
import { dockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { describeWith } from '../support/requirements.ts';
import { countOf, storeOf, users } from './client.ts';
import { blob, held, large, mebibyte, methods, openSessions, pieces, reopenable, sent } from './upload-samples.ts';

describe('sessions that die, and answers that are lost (Q-47)', () => {
  it('the upload begins again when its session is gone', async () => {
    await using registry = await simulateRegistry({ upload: { status: 404 } });
    let patches = 0;
    registry.fault = ({ method }) => (method === 'PATCH' && ++patches === 2 ? 500 : undefined);
    await sent(registry, large, { chunkSize: 5 * mebibyte });
    expect(countOf(registry, 'POST', '/uploads/')).toBe(2);
  });

  it('the blob is looked for when the last answer is lost, and not sent again', async () => {
    await using registry = await simulateRegistry({ upload: { lostAck: true } });
    await storeOf(registry).push(blob.target, blob.bytes);
    expect(methods(registry)).toEqual(['POST', 'PUT', 'HEAD']);
    expect(await held(registry, blob)).toBe(true);
  });

  it('a piece is not sent again when only its answer is lost', async () => {
    await using registry = await simulateRegistry({ upload: { lostAck: 'patch' } });
    await sent(registry, large, { chunkSize: 6 * mebibyte });
    expect(pieces(registry)).toEqual([6 * mebibyte, 6 * mebibyte, 5 * mebibyte + 5]);
  });

  it('it goes on where a whole was cut off, with what is missing', async () => {
    await using registry = await simulateRegistry();
    let puts = 0;
    registry.fault = ({ method }) =>
      method === 'PUT' && ++puts === 1 ? { cutRequestAfter: 12 * mebibyte } : undefined;
    const opened: number[] = [];
    await storeOf(registry).pushFrom(large.target, reopenable(large, opened));
    expect(await held(registry, large)).toBe(true);
    expect(opened).toHaveLength(2);
    expect(opened[1]).toBeGreaterThan(10 * mebibyte);
    expect(pieces(registry)).toEqual([large.target.size - (opened[1] ?? 0)]);
  });

  it('it does not go on for ever', async () => {
    await using registry = await simulateRegistry();
    registry.fault = ({ method }) => (method === 'PUT' ? 503 : undefined);
    await expect(storeOf(registry).push(blob.target, blob.bytes)).rejects.toMatchObject({ status: 503 });
    expect(registry.requests.length).toBeLessThan(40);
    expect(openSessions(registry)).toEqual([]);
  });

  it('nor with sessions that die each time', async () => {
    await using registry = await simulateRegistry({ upload: { dieOnError: true, status: 404 } });
    registry.fault = ({ method }) => (method === 'PATCH' || method === 'PUT' ? 500 : undefined);
    await expect(storeOf(registry).push(blob.target, blob.bytes)).rejects.toMatchObject({ status: 500 });
    expect(countOf(registry, 'POST', '/uploads/')).toBeLessThan(10);
  });
});

it('says that it waits while the registry puts a blob together, and waits longer than for other answers (Q-48)', async () => {
  await using registry = await simulateRegistry({ upload: { commitDelay: 300 } });
  const events: string[] = [];
  const transport = createTransport({
    userAgent: 'test',
    timeouts: { response: 100, commit: 10_000 },
    retry: { retries: 0 },
  });
  const store = remote(registry.repository('app'), { transport, access: 'push' });
  const onProgress = ({ type }: ProgressEvent): void => void events.push(type);
  await store.pushFrom(blob.target, reopenable(blob), { onProgress });
  expect(events).toEqual(['commit']);
});

it('goes on with a new token when one expires between the pieces (Q-16)', async () => {
  await using registry = await simulateRegistry({ users, anonymous: {} });
  let count = 0;
  registry.fault = ({ method }) => (/P(?:ATCH|UT)/.test(method) && ++count % 2 === 0 ? 'expire-tokens' : undefined);
  await sent(registry, large, { chunkSize: 5 * mebibyte });
  expect(registry.requests.some(({ method, status }) => method === 'PATCH' && status === 401)).toBe(true);
});

it('goes on when new tokens expire, too, but not for ever (Q-16)', async () => {
  await using registry = await simulateRegistry({ users, anonymous: {} });
  let count = 0;
  registry.fault = ({ method }) => (method === 'PUT' && ++count <= 3 ? 'expire-tokens' : undefined);
  await sent(registry, blob);
  registry.fault = ({ method }) => (method === 'PUT' ? 'expire-tokens' : undefined);
  await expect(storeOf(registry).push(large.target, large.bytes)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  expect(registry.requests.length).toBeLessThan(60);
});

describe('an upload that is aborted', () => {
  it.each<readonly [string, UploadQuirks]>([
    ['a whole', {}],
    ['pieces', { maxPut: 100_000 }],
  ])('at any of its requests ends with the reason and cancels its session: %s', async (_, upload) => {
    for (let at = 1; ; at++) {
      await using registry = await simulateRegistry({ upload });
      const abort = new AbortController();
      const reason = new Error(`enough after ${at}`);
      let count = 0;
      registry.fault = ({ method }) => {
        if (method === 'DELETE' || ++count !== at) return undefined;
        abort.abort(reason);
        // The session of a POST that nobody read the answer of cannot be cancelled.
        return method === 'POST' ? 'cut' : 'stall';
      };
      const failed = storeOf(registry).pushFrom(blob.target, reopenable(blob), { signal: abort.signal });
      if (
        !(await failed.then(
          () => false,
          (error: unknown) => error === reason,
        ))
      ) {
        expect(count).toBeLessThan(at);
        break;
      }
      expect(openSessions(registry)).toEqual([]);
    }
  });

  it('while it waits before another try ends at once', async () => {
    await using registry = await simulateRegistry();
    registry.fault = ({ method }) => (method === 'PUT' ? 503 : undefined);
    const abort = new AbortController();
    const reason = new Error('enough');
    const transport = createTransport({ userAgent: 'test', retry: { baseDelay: 60_000, maxDelay: 60_000 } });
    const store = remote(registry.repository('app'), { transport });
    const onProgress = ({ type }: ProgressEvent): void => void (type === 'retry' && abort.abort(reason));
    const options = { signal: abort.signal, onProgress };
    await expect(store.pushFrom(blob.target, reopenable(blob), options)).rejects.toBe(reason);
    expect(openSessions(registry)).toEqual([]);
  });
});

describe('an upload that is cut again and again', () => {
  it('delivers the right bytes wherever the cuts are, or says why not', async () => {
    const cuts = array(integer({ min: 0, max: 320_000 }), { minLength: 1, maxLength: 8 });
    await assert(
      asyncProperty(cuts, nat(3), boolean(), boolean(), async (lengths, chunk, dropBroken, isStream) => {
        await using registry = await simulateRegistry({ upload: { dropBroken } });
        const left = [...lengths];
        registry.fault = ({ method }): Fault | undefined => {
          const cut = method === 'PUT' || method === 'PATCH' ? left.shift() : undefined;
          return cut === undefined ? undefined : { cutRequestAfter: cut };
        };
        const store = storeOf(registry, 'app', {
          retry: { retries: 9, baseDelay: 0 },
          hosts: () => (chunk === 0 ? {} : { chunkSize: chunk * 50_000 }),
        });
        if (isStream) await store.push(blob.target, new WatchedStream(piecesOf(blob.bytes, 7777)));
        else await store.pushFrom(blob.target, reopenable(blob));
        const content = await (await registry.content('app')).fetch(blob.target);
        expect(Buffer.compare(await collect(content, blob.target.size), blob.bytes)).toBe(0);
        expect(openSessions(registry)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('goes on for as long as bytes advance, whatever the number of tries', async () => {
    await using registry = await simulateRegistry();
    let cuts = 0;
    registry.fault = ({ method }) =>
      (method === 'PUT' || method === 'PATCH') && ++cuts <= 15 ? { cutRequestAfter: 1_000_000 } : undefined;
    await sent(registry, large, {}, { retries: 2, baseDelay: 1 });
    expect(cuts).toBeGreaterThan(15);
  });
});

describeWith([dockerRegistry], 'distribution 2.8', () => {
  it('takes a blob in pieces, and goes on where it was cut off', async () => {
    const server = await startDockerRegistry();
    try {
      const exchanges: string[] = [];
      const transport = createTransport({
        userAgent: 'test',
        hosts: () => ({ chunkSize: 5 * mebibyte }),
        onEvent: (event) => {
          if (event.type === 'response') exchanges.push(`${event.method} ${event.status}`);
        },
      });
      const store = remote(parseRepository(`${server.address}/app`), { transport, access: 'push' });
      await store.pushFrom(large.target, reopenable(large));
      expect(exchanges).toEqual(['POST 202', ...Array.from({ length: 4 }, () => 'PATCH 202'), 'PUT 201']);
      expect(Buffer.compare(await collect(await store.fetch(large.target), large.target.size), large.bytes)).toBe(0);
      transport.close();
    } finally {
      await server.stop();
    }
  });
});
