import { describe, expect, it } from 'vitest';
import { streamOf } from '../../content/bytes.ts';
import type { RegistryName } from '../../oci/reference.ts';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import type { TransportEvent } from './events.ts';
import { NetworkError } from './exchange.ts';
import { HostGate, holdingWhileRead, type RequestKind } from './host-gate.ts';
import { HostLimits } from './host-limits.ts';
import type { RegistryRequest } from './registry-request.ts';
import { Transport } from './transport.ts';

describe('HostGate', () => {
  it('lets questions pass while all places for downloads are taken', async () => {
    const gate = new HostGate({ transfers: 1, requests: 1 });
    await gate.enter('download', noWait, undefined);
    await gate.enter('upload', noWait, undefined);
    await expect(gate.enter('question', noWait, undefined)).resolves.toBeDefined();
  });

  it('makes all that come during a pause wait for its end, and tells once that it is news', async () => {
    const waits: number[] = [];
    const gate = new HostGate({ transfers: 4, requests: 4 });
    expect(gate.pause(5000)).toBe(true);
    expect(gate.pause(3000)).toBe(false);
    await gate.enter('question', async (milliseconds) => void waits.push(milliseconds), undefined);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(4000);
  });

  it('gives less at a time to all kinds after a pause that one was refused for, and once for all refusals', async () => {
    const gate = new HostGate({ transfers: 4, requests: 4 });
    for (let i = 0; i < 3; i++) {
      gate.note('question', 429);
      gate.pause(1);
    }
    expect([await roomOf(gate, 'question'), await roomOf(gate, 'upload')]).toEqual([2, 2]);
  });

  it.each([
    ['503', (gate: HostGate) => gate.note('upload', 503)],
    ['a reset connection', (gate: HostGate) => gate.noteFailure('upload', new NetworkError('reset', 'cut'))],
  ])('gives less at a time after %s, to the kind it came to', async (_, overload) => {
    const gate = new HostGate({ transfers: 4, requests: 4 });
    overload(gate);
    expect([await roomOf(gate, 'download'), await roomOf(gate, 'upload')]).toEqual([4, 2]);
  });

  it('gives the place back when a wait is cancelled', async () => {
    const gate = new HostGate({ transfers: 1, requests: 1 });
    gate.pause(60_000);
    const cancelled = async (): Promise<void> => {
      throw new Error('enough');
    };
    await expect(gate.enter('question', cancelled, undefined)).rejects.toThrow('enough');
    await expect(gate.enter('question', noWait, undefined)).resolves.toBeDefined();
  });

  it('spreads the requests of a host with a rate', async () => {
    const waits: number[] = [];
    const gate = new HostGate({ transfers: 9, requests: 9, rate: 10 });
    const note = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
    await Promise.all(Array.from({ length: 4 }, async () => gate.enter('question', note, undefined)));
    expect(waits.map((wait) => Math.round(wait / 50) * 50)).toEqual([100, 200, 300]);
  });

  it.each(['read to its end', 'cancelled', 'left in the middle'])(
    'has a place again when a body was %s',
    async (how) => {
      const gate = new HostGate({ transfers: 1, requests: 1 });
      const slot = await gate.enter('download', noWait, undefined);
      const body = holdingWhileRead(streamOf([Buffer.from('a'), Buffer.from('b')]), slot);
      if (how === 'cancelled') await body.cancel();
      else for await (const _ of body) if (how === 'left in the middle') break;
      await expect(gate.enter('download', noWait, undefined)).resolves.toBeDefined();
    },
  );
});

/** How many may come in at the same time. */
async function roomOf(gate: HostGate, kind: RequestKind): Promise<number> {
  const controller = new AbortController();
  const entered = Array.from({ length: 10 }, async () => gate.enter(kind, noWait, controller.signal));
  controller.abort();
  return (await Promise.allSettled(entered)).filter(({ status }) => status === 'fulfilled').length;
}

describe('A transport and its limits', () => {
  it('have at most so many requests under way to one host', async () => {
    let now = 0;
    let most = 0;
    await using server = await scriptedServer(() => (response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        response.end('ok');
      }, 5);
    });
    const transport = new Transport({ userAgent: 'test', limits: new HostLimits({ requests: 3 }) });
    await Promise.all(Array.from({ length: 12 }, async () => transport.perform(requestTo(server.registry))));
    expect(most).toBe(3);
  });

  it('are shared by transports that are given the same', async () => {
    let now = 0;
    let most = 0;
    await using server = await scriptedServer(() => (response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        response.end('ok');
      }, 5);
    });
    const limits = new HostLimits({ requests: 2 });
    const transports = [new Transport({ userAgent: 'a', limits }), new Transport({ userAgent: 'b', limits })];
    await Promise.all(
      [...transports, ...transports, ...transports].map(async (one) => one.perform(requestTo(server.registry))),
    );
    expect(most).toBe(2);
  });

  it('hold requests to a host that asked for a pause, and tell of it once', async () => {
    const events: TransportEvent[] = [];
    await using server = await scriptedServer((_, count) =>
      count <= 5 ? { status: 429, headers: { 'retry-after': '1' } } : { status: 200 },
    );
    const transport = new Transport({ userAgent: 'test', onEvent: (event) => events.push(event) });
    await Promise.all(Array.from({ length: 5 }, async () => transport.perform(requestTo(server.registry))));
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(1);
    expect(server.log).toHaveLength(10);
  });

  it('let readers that forget their streams keep nobody waiting for good', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: 'x'.repeat(1000) }));
    const transport = new Transport({ userAgent: 'test', limits: new HostLimits({ transfers: 2 }) });
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await transport.send(requestTo(server.registry)));
    expect(answers).toHaveLength(5);
    await Promise.all(answers.map(async ({ body }) => body.cancel()));
  });

  it('try again what cannot be reached only when it could be before', async () => {
    const server = await scriptedServer(() => ({ status: 200 }));
    const waits: number[] = [];
    const transport = new Transport({
      userAgent: 'test',
      sleep: async (milliseconds) => void waits.push(milliseconds),
    });
    await transport.perform(requestTo(server.registry));
    transport.close();
    await server[Symbol.asyncDispose]();
    await expect(transport.perform(requestTo(server.registry))).rejects.toMatchObject({ fault: 'unreachable' });
    expect(waits).toHaveLength(4);
  });
});

async function noWait(): Promise<void> {}

function requestTo(registry: RegistryName): RegistryRequest {
  return {
    registry,
    method: 'GET',
    target: '/v2/app/x',
    scopes: [],
    purpose: 'get x',
    expect: [200],
  };
}
