import { describe, expect, it } from 'vitest';
import { scriptedServer } from '../../../test/support/scripted-server.ts';
import {
  answer,
  failureOf,
  faked,
  get,
  me,
  remoteRequest,
  tokenServer,
  unauthorized,
} from '../../../test/support/transport-requests.ts';

describe('Transport, challenges of a host that a redirect led to (demand-and-quirks reference, Q-23)', () => {
  const led = async (challenge: string, at: string): Promise<{ failure: unknown; sent: readonly string[] }> => {
    const { transport, sent } = faked(
      ({ url, headers }) => {
        if (url.host === 'registry.example') return answer(307, { location: at });
        if (url.pathname === '/token') return answer(200, {}, '{"token":"T"}');
        return headers['authorization'] === undefined ? answer(401, { 'www-authenticate': challenge }) : answer(200);
      },
      { keychain: async () => me, headers: { 'x-meta': 'private' } },
    );
    const failure = await transport.perform(remoteRequest()).catch((error: unknown) => error);
    const strangers = sent.filter(({ url }) => url.host !== 'registry.example');
    expect(strangers.map(({ headers, clientCertificate }) => [headers['x-meta'], clientCertificate])).toEqual(
      strangers.map(() => [undefined, false]),
    );
    const shown = sent.map(({ url, headers }) => `${url.host}${url.pathname} ${headers['authorization'] ?? '-'}`);
    return { failure, sent: shown };
  };

  it('are met for nobody, and for that one request', async () => {
    const { sent } = await led('Bearer realm="https://auth.example/token",service="cdn"', 'https://cdn.example/blob');
    expect(sent).toEqual([
      'registry.example/v2/app/x -',
      'cdn.example/blob -',
      'auth.example/token -',
      'cdn.example/blob Bearer T',
    ]);
  });

  it.each(['http://auth.example/token', 'https://169.254.169.254/token', 'https://10.0.0.1/token'])(
    'are not met at %s',
    async (realm) => {
      const { failure, sent } = await led(`Bearer realm="${realm}"`, 'https://cdn.example/blob');
      expect(failure).toMatchObject({ code: 'RESPONSE' });
      expect(sent).toHaveLength(2);
    },
  );

  it('show no certificate, nor what was configured, to a token server at their own host either', async () => {
    const { sent } = await led('Bearer realm="/token"', 'https://cdn.example/blob');
    expect(sent[2]).toBe('cdn.example/token -');
  });

  it('are not met for what changes something', async () => {
    const { transport, sent } = faked(async ({ url }) =>
      url.host === 'registry.example'
        ? answer(307, { location: 'https://cdn.example/blob' })
        : answer(401, { 'www-authenticate': 'Bearer realm="https://auth.example/token"' }),
    );
    const post = { ...remoteRequest(), method: 'POST', body: Buffer.from('x') };
    await expect(transport.perform(post)).rejects.toMatchObject({ status: 401 });
    expect(sent.map(({ url }) => url.host)).toEqual(['registry.example', 'cdn.example']);
  });

  it('are the answer where they want a password, which nobody gets', async () => {
    const { failure, sent } = await led('Basic realm="r"', 'https://cdn.example/blob');
    expect(failure).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    // Once more from the start, in case it was a signed URL that had expired.
    expect(sent).toEqual([1, 2].flatMap(() => ['registry.example/v2/app/x -', 'cdn.example/blob -']));
  });
});

describe('Transport, token servers that lead elsewhere', () => {
  it('get no identity token to another origin, neither by POST nor by the GET after it', async () => {
    await using thief = await scriptedServer(() => ({ status: 200, body: '{"token":"T"}' }));
    for (const status of [302, 307, 308]) {
      await using server = await scriptedServer(({ url }) =>
        url.pathname === '/token'
          ? { status, headers: { location: `${thief.origin}/token` } }
          : unauthorized('Bearer realm="/token"'),
      );
      const identity = { source: 'file', username: '<token>', identityToken: 'R1' };
      expect(await failureOf(get(server, { keychain: async () => identity }))).toMatchObject({ code: 'RESPONSE' });
    }
    expect(thief.log).toEqual([]);
  });

  it('give no token that a header cannot hold', async () => {
    await using server = await tokenServer({ token: { token: '\u65e5\u672c' } });
    expect(await failureOf(get(server))).toMatchObject({ code: 'RESPONSE' });
  });
});
