import { describe, expect, it } from 'vitest';
import { blobOf, noise, piecesOf, type Sample, WatchedStream } from '../../../test/conformance/samples.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  scriptedServer,
} from '../../../test/support/scripted-server.ts';
import type { ReopenableContent } from '../../store/capabilities.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import { fixedKeychain } from '../auth/credential.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import type { TransportOptions } from '../transport/transport-options.ts';
import { Transport } from '../transport/transport.ts';

const mebibyte = 1024 * 1024;
const small = blobOf(noise(200_000));
const large = blobOf(noise(20 * mebibyte));

describe('an upload', () => {
  it('takes one POST and one PUT, and opens its source while the session is opened', async () => {
    const happened: string[] = [];
    await using server = await sessions((request) => {
      happened.push(request.method);
      return undefined;
    });
    const content: ReopenableContent = {
      open: async () => {
        happened.push('open');
        return new WatchedStream(piecesOf(small.bytes, 5000));
      },
    };
    await open(server).pushFrom(small.target, content);
    expect(happened).toEqual(['open', 'POST', 'PUT']);
    expect(server.requests[1]?.body.equals(small.bytes)).toBe(true);
    expect(server.requests[1]?.headers).toMatchObject({ 'content-length': '200000' });
    expect(server.requests[1]?.headers['transfer-encoding']).toBeUndefined();
  });

  it('tells when all bytes are there, and of each pause with its reason', async () => {
    const events: ProgressEvent[] = [];
    let puts = 0;
    await using server = await sessions(({ method }) =>
      method === 'PUT' && ++puts === 1 ? { status: 503 } : method === 'HEAD' ? { status: 404 } : undefined,
    );
    await open(server).pushFrom(small.target, reopenable(small), { onProgress: (event) => events.push(event) });
    expect(events).toEqual([
      { type: 'commit', target: small.target },
      expect.objectContaining({
        type: 'retry',
        target: small.target,
        attempt: 1,
        message: expect.stringContaining('503') as string,
      }),
      { type: 'commit', target: small.target },
    ]);
  });

  it('that cannot be started releases its source and says so', async () => {
    await using server = await scriptedServer(() => ({ status: 403 }));
    const stream = new WatchedStream([small.bytes]);
    await expect(open(server).pushFrom(small.target, { open: async () => stream })).rejects.toMatchObject({
      code: 'DENIED',
      message: expect.stringContaining('Could not start an upload to') as string,
    });
    expect(stream.released).toBe(true);
  });

  it('whose connection is closed at its first bytes hints that the repository may not exist (Q-49)', async () => {
    await using server = await sessions(({ method }) =>
      method === 'PUT' || method === 'PATCH' ? (response) => void response.destroy() : undefined,
    );
    await expect(open(server).push(small.target, small.bytes)).rejects.toMatchObject({
      code: 'NETWORK',
      hint: expect.stringContaining('repository may not exist') as string,
    });
    expect(server.log.at(-1)).toMatch(/^DELETE /);
  });

  it('whose source fails cancels its session, tries nothing again and passes the failure on', async () => {
    await using server = await sessions(() => undefined);
    const failure = new Error('disk on fire');
    const content = {
      open: async () => new WatchedStream([small.bytes.subarray(0, 9)], () => Promise.reject(failure)),
    };
    await expect(open(server).pushFrom(small.target, content)).rejects.toBe(failure);
    expect(methods(server)).toEqual(['POST', 'DELETE']);
  });

  it('whose source cannot be opened never begins, even if a session is there', async () => {
    await using server = await sessions(() => undefined);
    const failure = new Error('gone');
    await expect(open(server).pushFrom(small.target, { open: () => Promise.reject(failure) })).rejects.toBe(failure);
    expect(methods(server)).toEqual(['POST', 'DELETE']);
  });

  it('is sent again with a new token when the old one is refused in the middle (Q-16)', async () => {
    let expired = false;
    let tokens = 0;
    await using server = await scriptedServer((request) => {
      const { url, method, headers } = request;
      if (url.pathname === '/token') return { status: 200, body: JSON.stringify({ token: `t${++tokens}` }) };
      const challenge = { 'www-authenticate': `Bearer realm="http://${headers.host}/token",service="s"` };
      if (headers.authorization === undefined) return { status: 401, headers: challenge };
      if (method === 'POST') return { status: 202, headers: { location: '/up' } };
      if (method === 'PUT' && !expired) {
        expired = true;
        return { status: 401, headers: challenge };
      }
      return { status: 201 };
    });
    const keychain = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });
    const store = open(server, { keychain });
    for (const content of [reopenable(large), new WatchedStream(piecesOf(small.bytes, 1000))]) {
      expired = false;
      if (content instanceof WatchedStream) await store.push(small.target, content);
      else await store.pushFrom(large.target, content);
    }
    const puts = server.requests.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ headers }) => headers.authorization)).toHaveLength(4);
    expect(puts[1]?.body.equals(large.bytes)).toBe(true);
    expect(puts[3]?.body.equals(small.bytes)).toBe(true);
    expect(puts[1]?.headers.authorization).not.toBe(puts[0]?.headers.authorization);
  });

  it('of a stream goes on where it was when its token ended on the way (Q-16)', async () => {
    let kept = Buffer.alloc(0);
    let tokens = 0;
    await using server = await scriptedServer(({ url, method, headers, body }) => {
      if (url.pathname === '/token') return { status: 200, body: JSON.stringify({ token: `t${++tokens}` }) };
      const challenge = { 'www-authenticate': `Bearer realm="http://${headers.host}/token",error="invalid_token"` };
      if (headers.authorization === undefined) return { status: 401, headers: challenge };
      if (method === 'POST') return { status: 202, headers: { location: '/up' } };
      if (method === 'GET') return { status: 204, headers: { range: `0-${kept.byteLength - 1}` } };
      const isExpired = kept.byteLength === 0;
      kept = Buffer.concat([kept, body.subarray(0, isExpired ? body.byteLength - 100 : undefined)]);
      return isExpired ? { status: 401, headers: challenge } : { status: method === 'PUT' ? 201 : 202 };
    });
    const keychain = fixedKeychain({ source: 'the test', username: 'joe', password: 'secret' });
    await open(server, { keychain }).push(large.target, new WatchedStream(piecesOf(large.bytes, 65_536)));
    expect(kept.equals(large.bytes)).toBe(true);
    expect(methods(server).filter((method) => method !== 'GET')).toEqual(['POST', 'POST', 'PUT', 'PATCH', 'PUT']);
  });

  it('to a registry whose count creeps ends', async () => {
    let said = 0;
    await using server = await sessions(({ method }) => {
      if (method === 'GET') return { status: 204, headers: { range: `0-${(said += 2)}` } };
      return method === 'PUT' || method === 'PATCH' ? { status: 503 } : undefined;
    });
    await expect(open(server).pushFrom(large.target, reopenable(large))).rejects.toMatchObject({ status: 503 });
    expect(server.requests.length).toBeLessThan(30);
  });

  it('goes on however often bytes of a broken piece arrive after the registry was asked, as long as it gets further', async () => {
    const received: Buffer[] = [];
    let pieces = 0;
    const sizeNow = (): number => received.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const range = (): Record<string, string> => ({ range: `0-${sizeNow() - 1}` });
    await using server = await sessions(({ method, headers, body }) => {
      if (method === 'POST') return { status: 202, headers: { location: '/up/1', 'oci-chunk-max-length': '1048576' } };
      if (method === 'GET') return { status: 204, headers: range() };
      if (method !== 'PATCH') return undefined;
      const [start, end] = (headers['content-range'] ?? '').split('-').map(Number);
      if (start !== sizeNow()) return { status: 416, headers: range() };
      if (pieces % 2 === 1 && end !== undefined) {
        // What a connection brought that is gone by now.
        received.push(body.subarray(0, 100_000));
        pieces++;
        return { status: 416 };
      }
      pieces++;
      received.push(body);
      return { status: 202, headers: range() };
    });
    await open(server).pushFrom(large.target, reopenable(large));
    expect(Buffer.concat(received).equals(large.bytes)).toBe(true);
    expect(pieces).toBeGreaterThan(20);
  });

  it('that is refused again and again without getting further ends', async () => {
    await using server = await sessions(({ method }) =>
      method === 'POST'
        ? { status: 202, headers: { location: '/up/1', 'oci-chunk-max-length': '1048576' } }
        : method === 'PATCH' || method === 'PUT'
          ? { status: 416 }
          : method === 'GET'
            ? { status: 204, headers: { range: '0-0' } }
            : undefined,
    );
    await expect(open(server).pushFrom(large.target, reopenable(large))).rejects.toMatchObject({ status: 416 });
    expect(server.requests.length).toBeLessThan(100);
  });

  it('of the same blob to the same repository is one, for all who want it (Q-57)', async () => {
    await using server = await sessions(() => undefined);
    const transport = transportFor();
    const stores = [open(server, {}, transport), open(server, {}, transport), open(server, {}, transport)];
    const stream = new WatchedStream(piecesOf(small.bytes, 1000));
    await Promise.all([
      stores[0]?.push(small.target, small.bytes),
      stores[1]?.pushFrom(small.target, reopenable(small)),
      stores[2]?.push(small.target, stream),
    ]);
    expect(methods(server)).toEqual(['POST', 'PUT']);
    expect(stream.released).toBe(true);
  });

  it('goes on for others when the one who began it gives up, or with their own source when that failed (Q-57)', async () => {
    await using server = await sessions(() => undefined);
    const transport = transportFor();
    const [first, second] = [open(server, {}, transport), open(server, {}, transport)];
    const abort = new AbortController();
    const given = first.push(small.target, small.bytes, { signal: abort.signal });
    const other = second.push(small.target, small.bytes);
    abort.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await other;
    const broken = { open: () => Promise.reject(new Error('broken')) };
    const both = await Promise.allSettled([
      first.pushFrom(large.target, broken),
      second.pushFrom(large.target, reopenable(large)),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(server.requests.at(-1)?.body.equals(large.bytes)).toBe(true);
  });
});

describe('a stream that can be read once', () => {
  it('is sent again from its start while all of it is at hand', async () => {
    let puts = 0;
    await using server = await sessions(({ method }) =>
      method === 'PUT' && ++puts === 1 ? { status: 500 } : method === 'HEAD' ? { status: 404 } : undefined,
    );
    await open(server).push(small.target, new WatchedStream(piecesOf(small.bytes, 1000)));
    expect(server.requests.at(-1)?.body.equals(small.bytes)).toBe(true);
  });

  it('fails with the reason why it had to be sent again when it is no longer at hand', async () => {
    await using server = await sessions(({ method }) =>
      method === 'PUT' ? { status: 500 } : method === 'HEAD' ? { status: 404 } : undefined,
    );
    const stream = new WatchedStream(piecesOf(large.bytes, 65_536));
    await expect(open(server).push(large.target, stream)).rejects.toMatchObject({ status: 500 });
    expect(server.log.at(-1)).toMatch(/^DELETE /);
    expect(stream.released).toBe(true);
  });
});

describe('sessions that refused mounts have opened', () => {
  it('are cancelled when the store is disposed of and nobody used them (Q-50)', async () => {
    await using server = await sessions(() => undefined);
    const transport = transportFor();
    {
      await using store = open(server, {}, transport);
      expect(await store.mount(small.target, open(server, {}, transport, 'base'))).toBe(false);
    }
    expect(methods(server)).toEqual(['POST', 'DELETE']);
  });

  it('are cancelled when the upload is aborted before it begins', async () => {
    await using server = await sessions(() => undefined);
    const transport = transportFor();
    const store = open(server, {}, transport);
    await store.mount(small.target, open(server, {}, transport, 'base'));
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(store.pushFrom(small.target, reopenable(small), { signal })).rejects.toBe(reason);
    expect(methods(server)).toEqual(['POST', 'DELETE']);
  });

  it('are cancelled when another mount of the blob opens one more', async () => {
    await using server = await sessions(() => undefined);
    const transport = transportFor();
    const store = open(server, {}, transport);
    await store.mount(small.target, open(server, {}, transport, 'base'));
    await store.mount(small.target, open(server, {}, transport, 'other'));
    await store.push(small.target, small.bytes);
    expect(methods(server)).toEqual(['POST', 'POST', 'DELETE', 'PUT']);
    expect(server.log[2]).toBe('DELETE /up/1');
    expect(server.log[3]).toMatch(/^PUT \/up\/2\?/);
  });

  it('are not asked for from a repository that refused, by any store of the registry (Q-50)', async () => {
    await using server = await scriptedServer(() => ({ status: 401 }));
    const transport = transportFor();
    const base = open(server, {}, transport, 'base');
    expect(await open(server, {}, transport, 'one').mount(small.target, base)).toBe(false);
    expect(open(server, {}, transport, 'two').canMountFrom(base)).toBe(false);
    expect(open(server, {}, transport, 'two').canMountFrom(open(server, {}, transport, 'other'))).toBe(true);
  });
});

/** Opens sessions `/up/1`, `/up/2` …, knows nothing of how far they are, and takes everything else unless the script objects. */
async function sessions(script: (request: ScriptedRequest) => ScriptedAnswer | undefined): Promise<ScriptedServer> {
  let count = 0;
  return scriptedServer((request) => {
    const answer = script(request);
    if (answer !== undefined) return answer;
    switch (request.method) {
      case 'POST':
        return { status: 202, headers: { location: `/up/${++count}` } };
      case 'PATCH':
        return { status: 202 };
      case 'PUT':
        return { status: 201 };
      default:
        return { status: request.method === 'DELETE' ? 204 : 404 };
    }
  });
}

function reopenable({ bytes }: Sample): ReopenableContent {
  return { open: async (start) => new WatchedStream(piecesOf(bytes.subarray(start), 65_536)) };
}

function transportFor(options: Partial<TransportOptions> = {}): Transport {
  return new Transport({ userAgent: 'test', sleep: async () => {}, ...options });
}

function open(
  { registry }: ScriptedServer,
  options: Partial<TransportOptions> = {},
  transport: Transport = transportFor(options),
  repository = 'app',
): RemoteStore {
  return remote({ registry, repository }, { transport });
}

function methods({ requests }: ScriptedServer): readonly string[] {
  return requests.map(({ method }) => method);
}
