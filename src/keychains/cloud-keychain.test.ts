import { describe, expect, it, onTestFinished } from 'vitest';
import { testCertificates } from '../../test/support/certificates.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { type ScriptedRequest, type ScriptedServer, scriptedServer } from '../../test/support/scripted-server.ts';
import { parseRepository } from '../oci/reference.ts';
import type { Keychain } from '../remote/auth/credential.ts';
import { RemoteStore } from '../remote/remote-store.ts';
import type { Exchange } from '../remote/transport/exchange.ts';
import { nodeHttp } from '../remote/transport/node-http.ts';
import { createTransport } from '../remote/transport/transport.ts';
import { cloudKeychain } from './cloud-keychain.ts';

const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
});

interface Hosted {
  readonly running: ScriptedServer;
  readonly warnings: string[];
  readonly now: { value: number };
  readonly store: RemoteStore;
}

/** A registry with a token server, at the other end of a line that leads to a server of the test. */
async function hosted(
  keychain: Keychain,
  isLetIn: (user: string | undefined) => boolean,
  name: string = 'ghcr.io/team/app',
): Promise<Hosted> {
  const { key, cert, ca } = testCertificates();
  const running = await scriptedServer((request) => answer(request, isLetIn), { tls: { key, cert } });
  onTestFinished(() => running[Symbol.asyncDispose]());
  const http = nodeHttp({ ca });
  onTestFinished(() => http.close?.());
  const exchange: Exchange = (request) =>
    http({
      ...request,
      headers: { ...request.headers, 'x-asked': request.url.host },
      url: new URL(`${request.url.pathname}${request.url.search}`, running.origin),
    });
  const warnings: string[] = [];
  const now = { value: 1_000_000 };
  const transport = createTransport({
    userAgent: 'test',
    keychain,
    exchange,
    now: () => now.value,
    retry: { retries: 0 },
    onEvent: (event) => void (event.type === 'warning' && warnings.push(event.message)),
  });
  const store = new RemoteStore(parseRepository(name), { transport });
  return { running, warnings, now, store };
}

function answer(
  { url, headers }: ScriptedRequest,
  isLetIn: (user: string | undefined) => boolean,
): { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } {
  if (url.pathname === '/token') {
    const basic = Buffer.from(String(headers.authorization).replace('Basic ', ''), 'base64').toString();
    return { status: 200, body: JSON.stringify({ token: headers.authorization === undefined ? 'nobody' : basic }) };
  }
  const isAws = String(headers['x-asked']).endsWith('amazonaws.com');
  const sent = headers.authorization ?? '';
  const token = sent.startsWith('Basic ')
    ? Buffer.from(sent.slice(6), 'base64').toString()
    : headers.authorization?.replace('Bearer ', '');
  if (token !== undefined && isLetIn(token === 'nobody' ? undefined : token)) {
    return { status: 200, headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' }, body: manifest };
  }
  const challenge = isAws
    ? 'Basic realm="https://ecr.amazonaws.com/",service="ecr.amazonaws.com"'
    : 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:team/app:pull"';
  return { status: 401, headers: { 'www-authenticate': challenge } };
}

describe('a registry of a cloud', () => {
  it('gets the credentials of the cloud', async () => {
    const keychain = cloudKeychain(await withPrograms({}, { GITHUB_TOKEN: 'ghs_token' }));
    const { store, warnings } = await hosted(keychain, (user) => user === 'unset:ghs_token');
    expect((await store.resolve('v1')).mediaType).toBe('application/vnd.oci.image.index.v1+json');
    expect(warnings).toEqual([]);
  });

  it('is read without credentials, and without a word, where the cloud has none', async () => {
    const { store, warnings } = await hosted(cloudKeychain(await withPrograms({})), () => true);
    await store.resolve('v1');
    expect(warnings).toEqual([]);
  });

  it('is read without credentials, with a warning, where the cloud failed', async () => {
    const keychain = cloudKeychain(await withPrograms({ gh: 'echo "no network" >&2; exit 7' }));
    const { store, warnings } = await hosted(keychain, (user) => user === undefined);
    await store.resolve('v1');
    expect(warnings).toEqual([
      'gh failed: it ended with exit code 7: "no network"; going on without credentials for ghcr.io',
    ]);
  });

  it('that refuses has the error say why there are no credentials, and what to do', async () => {
    const { store } = await hosted(cloudKeychain(await withPrograms({})), () => false);
    const failure: unknown = await store.resolve('v1').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining(
        'no credentials of GitHub were found: GITHUB_TOKEN is not set; the program gh is not installed',
      ),
      hint: expect.stringContaining('Set GITHUB_TOKEN'),
    });
  });

  it('that wants a password with each request, as those of AWS do, gets it, or the error says why not', async () => {
    const name = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app';
    const keychain = cloudKeychain(await withPrograms({ aws: 'echo the-password' }));
    const { store } = await hosted(keychain, (user) => user === 'AWS:the-password', name);
    expect((await store.resolve('v1')).size).toBe(manifest.length);
    const { store: other } = await hosted(cloudKeychain(await withPrograms({})), () => false, name);
    await expect(other.resolve('v1')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('no credentials of AWS were found'),
      hint: expect.stringContaining('npm install @aws-sdk/client-ecr'),
    });
  });

  it('is asked again with new credentials when the old ones have expired', async () => {
    let count = 0;
    const now = { value: 0 };
    const keychain: Keychain = async () => {
      count++;
      return { source: 'test', username: 'user', password: String(count), expiresAt: now.value + 600_000 };
    };
    const { store, now: clock, running } = await hosted(keychain, () => true);
    now.value = clock.value;
    await store.resolve('v1');
    await store.resolve('v2');
    expect(count).toBe(1);
    clock.value += 601_000;
    now.value = clock.value;
    await store.resolve('v3');
    expect(count).toBe(2);
    const tokens = running.requests
      .map(({ headers }) => headers.authorization)
      .filter((text) => text?.startsWith('Bearer'));
    expect([...new Set(tokens)]).toEqual(['Bearer user:1', 'Bearer user:2']);
  });
});
