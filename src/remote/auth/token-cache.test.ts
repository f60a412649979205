import { describe, expect, it } from 'vitest';
import { ResponseError } from '../transport/response-error.ts';
import type { TokenHttpRequest, TokenRequest } from './token.ts';
import { TokenCache } from './token-cache.ts';

const registry = new URL('https://r.example/');
const me = { source: 'the test', username: 'me', password: 'secret' };
const request: TokenRequest = {
  realm: new URL('https://auth.example/token'),
  service: 's',
  scopes: ['repository:a:pull'],
  credential: me,
  registry,
  insecure: false,
};

describe('TokenCache', () => {
  it.each<Partial<TokenRequest>>([
    { registry: new URL('https://other.example/') },
    { realm: new URL('https://auth.example/other') },
    { service: 't' },
    { scopes: ['repository:b:pull'] },
    { credential: { ...me, username: 'you' } },
    { credential: undefined },
  ])('keeps apart what differs in %j', async (difference) => {
    const { cache, asked } = make();
    await cache.get(request);
    await cache.get({ ...request, ...difference });
    expect(asked).toHaveLength(2);
    await cache.get(request);
    expect(asked).toHaveLength(2);
  });

  it('gives a token that is half over to nobody who needs it long (Q-16)', async () => {
    const clock = { now: 0 };
    const { cache, asked } = make(clock);
    await cache.get(request);
    clock.now = 150_000;
    await cache.get(request);
    expect(asked).toHaveLength(1);
    await cache.get(request, true);
    expect(asked).toHaveLength(2);
  });

  it('asks anew when the clock was set back', async () => {
    const clock = { now: 1_000_000 };
    const { cache, asked } = make(clock);
    await cache.get(request);
    clock.now = 0;
    await cache.get(request);
    expect(asked).toHaveLength(2);
  });

  it('forgets the token a registry did not take, and not the one that came since', async () => {
    const { cache, asked } = make();
    const first = await cache.get(request);
    cache.forget(first);
    const [second] = await Promise.all([cache.get(request), cache.get(request)]);
    expect(asked).toHaveLength(2);
    cache.forget(first);
    expect(await cache.get(request)).toBe(second);
  });

  it('goes back to the password when the refresh token it was given is refused', async () => {
    const clock = { now: 0 };
    const { cache, asked } = make(clock, ({ method }) =>
      method === 'POST' ? 401 : { token: 'T', refresh_token: 'R' },
    );
    await cache.get(request);
    clock.now = 1_000_000;
    await cache.get(request);
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET']);
  });

  it('keeps a refresh token of nobody to itself', async () => {
    const clock = { now: 0 };
    const { cache, asked } = make(clock, () => ({ token: 'T', refresh_token: 'R' }));
    for (clock.now of [0, 1_000_000]) await cache.get({ ...request, credential: undefined });
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  it('does not grow without end', async () => {
    const { cache, asked } = make();
    for (let i = 0; i < 1001; i++) await cache.get({ ...request, scopes: [`repository:r${i}:pull`] });
    await cache.get({ ...request, scopes: ['repository:r1000:pull'] });
    expect(asked).toHaveLength(1001);
    await cache.get({ ...request, scopes: ['repository:r0:pull'] });
    expect(asked).toHaveLength(1002);
  });
});

type Answers = (request: TokenHttpRequest, count: number) => number | object;

/** A cache whose token server answers in process, with a status for a refusal. */
function make(
  clock: { now: number } = { now: 0 },
  answers: Answers = (_, count) => ({ token: `T${count}`, expires_in: 300 }),
): { readonly cache: TokenCache; readonly asked: TokenHttpRequest[] } {
  const asked: TokenHttpRequest[] = [];
  const http = async (sent: TokenHttpRequest): Promise<{ status: number; bytes: Uint8Array }> => {
    asked.push(sent);
    const answer = answers(sent, asked.length);
    if (typeof answer !== 'number') return { status: 200, bytes: Buffer.from(JSON.stringify(answer)) };
    if (sent.expect.includes(answer)) return { status: answer, bytes: new Uint8Array(0) };
    throw new ResponseError('UNAUTHORIZED', 'Refused', { status: answer, method: sent.method, url: sent.url });
  };
  return { cache: new TokenCache(http, () => clock.now), asked };
}
