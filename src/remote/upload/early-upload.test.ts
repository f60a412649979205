import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blobOf, noise, piecesOf, type Sample } from '../../../test/conformance/samples.ts';
import { type ProfileName, profile, profileNames } from '../../../test/simulated-registry/profiles.ts';
import {
  type SimulatedRegistry,
  type SimulateOptions,
  simulateRegistry,
} from '../../../test/simulated-registry/simulate.ts';
import { clientOf, users } from '../../../test/quirks/client.ts';
import { held, large, mebibyte, methods, openSessions, pieces } from '../../../test/quirks/upload-samples.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { until } from '../../../test/support/until.ts';
import { type ByteSource, streamOf } from '../../content/bytes.ts';
import { type Spool, spool } from '../../content/spool.ts';
import type { GrowingContent } from '../../content/growing-file.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parseRepository } from '../../oci/reference.ts';
import { spooledContent } from '../../store/staging.ts';
import { remote, type RemoteStore } from '../remote-store.ts';
import type { ExchangeRequest } from '../transport/exchange.ts';
import { createTransport } from '../transport/transport.ts';

const chunkSize = 5 * mebibyte;

/** One registry, one repository, and one blob that is made while it is sent. */
class Making {
  readonly registry: SimulatedRegistry;
  readonly store: RemoteStore;
  readonly #abort = new AbortController();
  early: AsyncDisposable | undefined;

  constructor(registry: SimulatedRegistry, settings: { readonly chunkSize?: number } = { chunkSize }) {
    this.registry = registry;
    const client = clientOf(registry, {}, { hosts: () => settings });
    onTestFinished(() => client.close());
    this.store = remote(registry.repository(repository), client);
  }

  abort(): void {
    this.#abort.abort(new Error('enough'));
  }

  /** Makes it of a source, and sends what is there meanwhile. */
  async make(source: ByteSource): Promise<Spool> {
    const { signal } = this.#abort;
    const directory = await testDirectory();
    return spool(source, {
      signal,
      directory,
      onBegin: (growing) => (this.early = this.store.pushEarly(growing, { signal })),
    });
  }

  async push(made: Spool, { target }: Sample): Promise<void> {
    await this.store.pushFrom(target, spooledContent(made, target));
  }

  /** Waits for so many pieces that were answered. */
  async answered(count: number): Promise<void> {
    const { requests } = this.registry;
    await until(() => requests.filter(({ method, status }) => method === 'PATCH' && status >= 200).length >= count);
  }
}

const repository = 'app';

async function making(options: SimulateOptions = {}, settings?: { readonly chunkSize?: number }): Promise<Making> {
  const registry = await simulateRegistry(options);
  onTestFinished(() => registry.close());
  return new Making(registry, settings);
}

/** The bytes of a sample, with a stop after some of them. */
async function* stopping({ bytes }: Sample, at: number, until: () => Promise<void>): AsyncGenerator<Uint8Array, void> {
  yield* piecesOf(bytes.subarray(0, at), mebibyte);
  await until();
  yield* piecesOf(bytes.subarray(at), mebibyte);
}

function sizesOf({ requests }: SimulatedRegistry): readonly number[] {
  return requests.filter(({ method }) => method === 'PATCH').map(({ bodyLength }) => bodyLength);
}

describe('an early upload', () => {
  it('sends pieces while the blob is made, and the push goes on from there', async () => {
    const one = await making();
    const made = await one.make(
      stopping(large, 12 * mebibyte, async () => {
        await one.answered(2);
        expect(methods(one.registry)).toEqual(['POST', 'PATCH', 'PATCH']);
      }),
    );
    await one.push(made, large);
    expect(await held(one.registry, large)).toBe(true);
    expect(pieces(one.registry).reduce((sum, size) => sum + size, 0)).toBe(large.target.size);
    expect(methods(one.registry).filter((method) => method !== 'PATCH')).toEqual(['POST', 'PUT']);
    expect(one.registry.requests.at(-1)?.bodyLength).toBe(0);
    await one.early?.[Symbol.asyncDispose]();
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('tells of progress from where the push goes on', async () => {
    const one = await making();
    const made = await one.make(stopping(large, 12 * mebibyte, () => one.answered(2)));
    const opened: number[] = [];
    const content = spooledContent(made, large.target);
    await one.store.pushFrom(large.target, {
      open: (start) => {
        opened.push(start);
        return content.open(start);
      },
    });
    expect(opened).toHaveLength(1);
    expect(opened[0]).toBeGreaterThanOrEqual(10 * mebibyte);
  });

  it('of a blob that is no larger than a piece is none', async () => {
    const one = await making({}, { chunkSize: large.target.size });
    await one.push(await one.make(large.bytes), large);
    expect(await held(one.registry, large)).toBe(true);
    expect(methods(one.registry)).toEqual(['POST', 'PUT']);
  });

  it('begins with 16 MiB by default', async () => {
    const one = await making({}, {});
    const made = await one.make(
      stopping(large, 17 * mebibyte, async () => {
        await one.answered(1);
        expect(sizesOf(one.registry)).toEqual([16 * mebibyte]);
      }),
    );
    await one.push(made, large);
    expect(sizesOf(one.registry)).toEqual([16 * mebibyte, mebibyte + 5]);
    expect(await held(one.registry, large)).toBe(true);
  });

  it('keeps to the size of pieces that the registry states', async () => {
    const one = await making({ upload: { chunkMaxHeader: String(6 * mebibyte), maxPatch: 6 * mebibyte } }, {});
    const made = await one.make(stopping(large, 17 * mebibyte, () => one.answered(2)));
    await one.push(made, large);
    expect(await held(one.registry, large)).toBe(true);
    expect(Math.max(...sizesOf(one.registry))).toBe(6 * mebibyte);
  });

  it('is cancelled when the blob comes to nothing', async () => {
    const one = await making();
    const failing = stopping(large, 12 * mebibyte, async () => {
      await one.answered(2);
      throw new Error('The archive is cut short');
    });
    await expect(one.make(failing)).rejects.toThrow('The archive is cut short');
    await one.early?.[Symbol.asyncDispose]();
    expect(methods(one.registry).at(-1)).toBe('DELETE');
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('is cancelled in the middle of a piece when nobody wants the blob any longer', async () => {
    const one = await making();
    one.registry.fault = ({ method }) => (method === 'PATCH' ? 'stall' : undefined);
    const stopped = stopping(large, 12 * mebibyte, async () => {
      await until(() => methods(one.registry).includes('PATCH'));
      one.abort();
    });
    await expect(one.make(stopped)).rejects.toThrow('enough');
    await one.early?.[Symbol.asyncDispose]();
    expect(methods(one.registry)).toEqual(['POST', 'PATCH', 'DELETE']);
    expect(openSessions(one.registry)).toEqual([]);
  });

  it.each([
    ['what was returned', (one: Making) => one.early?.[Symbol.asyncDispose]()],
    ['the store', (one: Making) => one.store[Symbol.asyncDispose]()],
  ])('that no push goes on with ends with %s', async (_, dispose) => {
    const one = await making();
    await using _made = await one.make(stopping(large, 12 * mebibyte, () => one.answered(2)));
    await dispose(one);
    expect(methods(one.registry).at(-1)).toBe('DELETE');
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('belongs to the push that waits for its last piece, whatever is disposed of meanwhile', async () => {
    const one = await making();
    let patches = 0;
    one.registry.fault = ({ method }) => (method === 'PATCH' && ++patches === 2 ? { delay: 100 } : undefined);
    const made = await one.make(
      stopping(large, 12 * mebibyte, async () => {
        await until(() => patches === 2);
      }),
    );
    const pushing = one.push(made, large);
    await setImmediate();
    await Promise.all([one.early?.[Symbol.asyncDispose](), one.store[Symbol.asyncDispose]()]);
    await pushing;
    expect(await held(one.registry, large)).toBe(true);
    expect(methods(one.registry)).not.toContain('DELETE');
    expect(pieces(one.registry).reduce((sum, size) => sum + size, 0)).toBe(large.target.size);
  });

  it('is ended by the signal of the push, which waits for its last piece', async () => {
    const one = await making();
    let patches = 0;
    one.registry.fault = ({ method }) => (method === 'PATCH' && ++patches === 2 ? 'stall' : undefined);
    const made = await one.make(
      stopping(large, 12 * mebibyte, async () => {
        await until(() => patches === 2);
      }),
    );
    const abort = new AbortController();
    const pushing = one.store.pushFrom(large.target, spooledContent(made, large.target), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(pushing).rejects.toThrow('enough');
    expect(methods(one.registry).at(-1)).toBe('DELETE');
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('is not taken by a push of something else, nor by one of a stream that is read once', async () => {
    const one = await making();
    await using made = await one.make(stopping(large, 12 * mebibyte, () => one.answered(2)));
    const other = blobOf(noise(300_000, 9), mediaTypes.ociLayer);
    await one.store.pushFrom(other.target, { open: async () => streamOf(other.bytes) });
    await one.store.push(large.target, await made.open());
    expect([await held(one.registry, other), await held(one.registry, large)]).toEqual([true, true]);
    await one.early?.[Symbol.asyncDispose]();
    expect(openSessions(one.registry)).toEqual([]);
  });
});

describe('where an early upload does not work out, the push sends what is missing:', () => {
  it.each<[string, SimulateOptions]>([
    ['no pieces are taken', { upload: { noPatch: 405 } }],
    ['pieces are too large', { upload: { maxPatch: mebibyte, maxPatchStatus: 413 } }],
    ['pieces are kept in part', { upload: { range: 'partial', partialAbove: mebibyte } }],
    ['the range stands still', { upload: { range: 'stuck' } }],
  ])('%s', async (_, options) => {
    const one = await making(options);
    const answered = (): Promise<void> => one.answered(1);
    await one.push(await one.make(stopping(large, 12 * mebibyte, answered)), large);
    expect(await held(one.registry, large)).toBe(true);
    await one.early?.[Symbol.asyncDispose]();
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('a registry that refuses a piece is not asked again', async () => {
    const one = await making({ upload: { noPatch: 405 } }, {});
    for (const seed of [1, 2]) {
      const sample = blobOf(noise(18 * mebibyte, seed), mediaTypes.ociLayer);
      await one.push(await one.make(stopping(sample, 17 * mebibyte, () => one.answered(1))), sample);
      expect(await held(one.registry, sample)).toBe(true);
    }
    expect(methods(one.registry).filter((method) => method === 'PATCH')).toHaveLength(1);
  });

  it.each([
    ['the start of an upload', 'POST', 1],
    ['a later piece', 'PATCH', 2],
  ])('a registry that does not know %s is asked again', async (_, method, at) => {
    const one = await making();
    let count = 0;
    one.registry.fault = (request) => (request.method === method && ++count === at ? 404 : undefined);
    await one.push(await one.make(stopping(large, 12 * mebibyte, () => until(() => count >= at))), large);
    const next = blobOf(noise(12 * mebibyte, 2), mediaTypes.ociLayer);
    const before = sizesOf(one.registry).length;
    const begun = (): Promise<void> => until(() => sizesOf(one.registry).length > before);
    await one.push(await one.make(stopping(next, 11 * mebibyte, begun)), next);
    expect([await held(one.registry, large), await held(one.registry, next)]).toEqual([true, true]);
  });

  it.each<[string, Exclude<ReturnType<NonNullable<SimulatedRegistry['fault']>>, undefined>]>([
    ['the connection is cut before a piece', 'cut'],
    ['the connection is cut in a piece', { cutRequestAfter: 3 * mebibyte }],
    ['the answer to a piece is lost', 'lost'],
    ['a piece is taken twice', 'twice'],
    ['the registry is overloaded', 503],
    ['the registry wants a pause', { status: 429, retryAfter: '0' }],
    ['the session is lost', 404],
    ['nothing is allowed any more', 403],
  ])('%s', async (_, fault) => {
    const one = await making();
    let patches = 0;
    one.registry.fault = ({ method }) => (method === 'PATCH' && ++patches === 2 ? fault : undefined);
    const stopped = stopping(large, 12 * mebibyte, async () => {
      await until(() => patches === 2);
    });
    await one.push(await one.make(stopped), large);
    expect(await held(one.registry, large)).toBe(true);
    await one.early?.[Symbol.asyncDispose]();
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('no upload may be started', async () => {
    const one = await making();
    let posts = 0;
    one.registry.fault = ({ method }) => (method === 'POST' && ++posts === 1 ? 403 : undefined);
    const stopped = stopping(large, 12 * mebibyte, async () => {
      await until(() => posts === 1);
    });
    await one.push(await one.make(stopped), large);
    expect(await held(one.registry, large)).toBe(true);
    expect(posts).toBe(2);
  });

  it('what the registry has turns out to be something else', async () => {
    const one = await making();
    let puts = 0;
    one.registry.fault = ({ method }) => (method === 'PUT' && ++puts === 1 ? 400 : undefined);
    await one.push(await one.make(stopping(large, 12 * mebibyte, () => one.answered(2))), large);
    expect(await held(one.registry, large)).toBe(true);
    expect(puts).toBe(2);
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('the registry cannot put pieces together', async () => {
    const one = await making({}, {});
    one.registry.fault = ({ method, headers }) =>
      method === 'PUT' && headers['content-length'] === '0' ? 500 : undefined;
    await one.push(await one.make(stopping(large, 17 * mebibyte, () => one.answered(1))), large);
    expect(await held(one.registry, large)).toBe(true);
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('who may not push is told so once', async () => {
    const one = await making({}, {});
    const made = await one.make(stopping(large, 17 * mebibyte, () => one.answered(1)));
    one.registry.fault = ({ method }) => (method === 'PATCH' ? 403 : undefined);
    await expect(one.push(made, large)).rejects.toMatchObject({ code: 'DENIED' });
    expect(methods(one.registry)).toEqual(['POST', 'PATCH', 'PATCH', 'DELETE']);
    expect(openSessions(one.registry)).toEqual([]);
  });

  it('tokens end', async () => {
    const one = await making({ users });
    const made = await one.make(
      stopping(large, 6 * mebibyte, async () => {
        await one.answered(1);
        one.registry.tokenServer.expireAll();
      }),
    );
    one.registry.tokenServer.expireAll();
    await one.push(made, large);
    expect(await held(one.registry, large)).toBe(true);
    expect(methods(one.registry).filter((method) => method === 'PUT').length).toBeLessThanOrEqual(2);
  });
});

const writable = profileNames.filter((name) => name !== 'redhat' && name !== 'hostile');

it.each(writable)('an early upload to %s, and the push after it, bring every byte', async (name: ProfileName) => {
  const options = profile(name);
  const one = await making({ ...options, users, repositories: ['team/app'] }, {});
  const sample = blobOf(noise(18 * mebibyte, 5), mediaTypes.ociLayer);
  const client = clientOf(one.registry);
  const store = remote(one.registry.repository('team/app'), client);
  const early: AsyncDisposable[] = [];
  const begun = stopping(sample, 17 * mebibyte, () => one.answered(1));
  await using made = await spool(begun, {
    onBegin: (growing) => early.push(store.pushEarly(growing)),
  });
  await store.pushFrom(sample.target, spooledContent(made, sample.target));
  const content = await one.registry.content('team/app');
  expect((await content.stat(sample.target))?.size).toBe(sample.target.size);
  await Promise.all(early.map((upload) => upload[Symbol.asyncDispose]()));
  client.close();
});

it.each([
  ['ghcr.io', {}, false],
  ['europe-docker.pkg.dev', {}, false],
  ['ghcr.io', { chunkSize: 4 * mebibyte }, true],
  ['registry.test', {}, true],
])('whether %s with the settings %j is sent anything early: %s', async (host, settings, isSent) => {
  const asked = new Set<string>();
  const exchange = async ({ url }: ExchangeRequest): Promise<never> => {
    asked.add(url.host);
    throw new Error('no network');
  };
  const transport = createTransport({ userAgent: 'test', exchange, hosts: () => settings });
  const content: GrowingContent = {
    result: undefined,
    failed: new AbortController().signal,
    reach: async (size) => size,
    read: async () => streamOf(large.bytes),
  };
  const begun = [host, 'last.test'].map((registry) =>
    remote(parseRepository(`${registry}/team/app`), { transport, access: 'push' }).pushEarly(content),
  );
  await until(() => asked.has('last.test'));
  await Promise.all(begun.map((early) => early[Symbol.asyncDispose]()));
  expect(asked.has(host)).toBe(isSent);
});
