import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import { type ScriptedRequest, type ScriptedServer, scriptedServer } from '../../test/support/scripted-server.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { googleKeychain } from './google.ts';

/** The package looks into the environment of the process by itself. */
beforeEach(() => vi.stubEnv('METADATA_SERVER_DETECTION', 'none'));
afterEach(() => vi.unstubAllEnvs());

/** The real package and no program but fake ones. */
async function surroundings(env: Readonly<Record<string, string>> = {}, gcloud?: string): Promise<CloudEnvironment> {
  const programs = gcloud === undefined ? {} : { gcloud };
  const environment = await withPrograms(programs, { METADATA_SERVER_DETECTION: 'none', ...env });
  return { ...environment, importPackage: undefined };
}

async function server(script: (request: ScriptedRequest) => { status: number; body: string }): Promise<ScriptedServer> {
  const running = await scriptedServer((request) => ({
    ...script(request),
    headers: { 'content-type': 'application/json', 'metadata-flavor': 'Google' },
  }));
  onTestFinished(() => running[Symbol.asyncDispose]());
  return running;
}

function token(value: string): { status: number; body: string } {
  return { status: 200, body: JSON.stringify({ access_token: value, expires_in: 3600, token_type: 'Bearer' }) };
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** The surroundings of a service account whose tokens come from a server of the test: the package has no setting for that. */
async function serviceAccount(origin: string, gcloud?: string): Promise<CloudEnvironment> {
  const environment = await surroundings({}, gcloud);
  const file = join(environment.homedir, 'key.json');
  await writeFile(
    file,
    JSON.stringify({ type: 'service_account', client_email: 'robot@project.example', private_key: pem }),
  );
  return {
    ...environment,
    env: { ...environment.env, GOOGLE_APPLICATION_CREDENTIALS: file },
    importPackage: async (name) => redirected((await import(name)) as GoogleLibrary, origin),
  };
}

interface GoogleLibrary {
  readonly GoogleAuth: new (options: object) => object;
}

function redirected({ GoogleAuth }: GoogleLibrary, origin: string): GoogleLibrary {
  const fetchImplementation = async (url: URL, init: RequestInit): Promise<Response> =>
    fetch(new URL(new URL(url).pathname, origin), init);
  return {
    GoogleAuth: class extends GoogleAuth {
      constructor(options: { readonly clientOptions?: { readonly transporterOptions?: object } }) {
        const transporterOptions = { ...options.clientOptions?.transporterOptions, fetchImplementation };
        super({ ...options, clientOptions: { ...options.clientOptions, transporterOptions } });
      }
    },
  };
}

describeWith([cloudPackage('google-auth-library')], 'google-auth-library', () => {
  it('exchanges a refresh token that gcloud has left in the well-known file', async () => {
    const sts = await server(() => token('ya29.user'));
    const environment = await surroundings();
    const directory = join(environment.homedir, '.config', 'gcloud');
    await mkdir(directory, { recursive: true });
    const login = {
      type: 'external_account_authorized_user',
      audience: '//iam.googleapis.com/pool',
      client_id: 'client',
      client_secret: 'client-secret',
      refresh_token: 'refresh',
      token_url: `${sts.origin}/token`,
      token_info_url: `${sts.origin}/introspect`,
    };
    const file = join(directory, 'application_default_credentials.json');
    await writeFile(file, JSON.stringify(login));
    const before = Date.now();
    const { credential } = await askFor(googleKeychain(environment), 'gcr.io');
    expect(credential).toMatchObject({ username: '_token', password: 'ya29.user' });
    expect(credential?.source).toBe(`application default credentials (${file})`);
    expect(credential?.expiresAt).toBeGreaterThan(before + 3500_000);
    expect(credential?.expiresAt).toBeLessThan(Date.now() + 3600_000);
    expect(sts.log).toEqual(['POST /token']);
  });

  it('signs for the service account of GOOGLE_APPLICATION_CREDENTIALS', async () => {
    const sts = await server(() => token('ya29.robot'));
    const environment = await serviceAccount(sts.origin);
    const { credential, failure } = await askFor(googleKeychain(environment), 'europe-docker.pkg.dev');
    expect(failure).toBe(undefined);
    expect(credential).toMatchObject({ username: '_token', password: 'ya29.robot' });
    const assertion = new URLSearchParams(sts.requests[0]?.body.toString()).get('assertion') ?? '';
    const [head, claims, signature = ''] = assertion.split('.');
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  it('asks the metadata server of the machine', async () => {
    const metadata = await server(({ url }) =>
      url.pathname.endsWith('/token') ? token('ya29.machine') : { status: 200, body: 'ok' },
    );
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GCE_METADATA_HOST', new URL(metadata.origin).host);
    const { credential } = await askFor(googleKeychain(await surroundings()), 'gcr.io');
    expect(credential).toMatchObject({ source: 'application default credentials', password: 'ya29.machine' });
    expect(metadata.requests.at(-1)?.headers['metadata-flavor']).toBe('Google');
    expect(metadata.requests.at(-1)?.url.pathname).toBe('/computeMetadata/v1/instance/service-accounts/default/token');
  });

  it('asks a metadata server that answers at once', async () => {
    const metadata = await server(({ url }) =>
      url.pathname.endsWith('/token') ? token('ya29.found') : { status: 200, body: 'ok' },
    );
    const host = new URL(metadata.origin).host;
    vi.stubEnv('METADATA_SERVER_DETECTION', undefined);
    vi.stubEnv('GCE_METADATA_HOST', host);
    const env = { METADATA_SERVER_DETECTION: '', GCE_METADATA_HOST: host };
    const { credential } = await askFor(googleKeychain(await surroundings(env)), 'gcr.io');
    expect(credential?.password).toBe('ya29.found');
  });

  it.each([
    ['does not answer', () => () => {}],
    ["is another cloud's", () => ({ status: 401, body: 'a token is missing' })],
    ['resets the connection', () => (response: ServerResponse) => void response.destroy()],
  ] as const)('is not asked for a token where the server %s', async (_, script) => {
    const metadata = await scriptedServer(script);
    onTestFinished(() => metadata[Symbol.asyncDispose]());
    const host = new URL(metadata.origin).host;
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GCE_METADATA_HOST', host);
    const env = { METADATA_SERVER_DETECTION: '', GCE_METADATA_HOST: host };
    const environment = { ...(await surroundings(env)), timeLimit: 2000 };
    const { missing, failure } = await askFor(googleKeychain(environment), 'gcr.io');
    expect([failure, missing.length, metadata.log]).toEqual([undefined, 1, ['GET /computeMetadata/v1/instance']]);
    expect(missing[0]?.message).toContain('google-auth-library found no credentials');
  });

  it('without any of them leaves it to gcloud', async () => {
    const environment = await surroundings({}, 'echo \'{"credential": {"access_token": "ya29.cli"}}\'');
    const before = Date.now();
    const { credential } = await askFor(googleKeychain(environment), 'gcr.io');
    expect(credential).toMatchObject({ source: 'gcloud', password: 'ya29.cli' });
    // An answer without a time is asked for again soon.
    expect(credential?.expiresAt).toBeLessThan(before + 301_000);
  });

  it('and gcloud without a login are both told', async () => {
    const { missing, failure } = await askFor(googleKeychain(await surroundings()), 'gcr.io');
    expect(failure).toBe(undefined);
    expect(missing.map(({ message, hint }) => [message, hint])).toEqual([
      [
        'No credentials of Google Cloud were found: google-auth-library found no credentials; the program gcloud is not installed',
        'Run: gcloud auth application-default login; or install the Google Cloud CLI and run: gcloud auth login',
      ],
    ]);
  });

  it('that is refused is told without the secrets of the request, and gcloud is taken with a warning', async () => {
    const sts = await server(({ body }) => ({
      status: 400,
      body: JSON.stringify({ error: 'invalid_grant', error_description: `expired: ${body.toString()}` }),
    }));
    const warnings: string[] = [];
    const environment = {
      ...(await serviceAccount(sts.origin, 'echo \'{"credential": {"access_token": "ya29.cli"}}\'')),
      onWarning: (message: string) => warnings.push(message),
    };
    const { credential } = await askFor(googleKeychain(environment), 'gcr.io');
    expect(credential?.source).toBe('gcloud');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^google-auth-library failed: "invalid_grant.*going on with gcloud$/);
    expect(warnings[0]).not.toMatch(/assertion=\w|eyJ/);
  });

  it('with a file that is not there fails with its name', async () => {
    const { failure } = await askFor(
      googleKeychain(await surroundings({ GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/key.json' })),
      'gcr.io',
    );
    expect(failure?.message).toMatch(/^google-auth-library failed: .*\/nowhere\/key\.json/);
  });

  it('that gets no answer is given up after the time limit', async () => {
    const silent = await scriptedServer(() => () => {});
    onTestFinished(() => silent[Symbol.asyncDispose]());
    const environment = { ...(await serviceAccount(silent.origin)), timeLimit: 300 };
    const { failure } = await askFor(googleKeychain(environment), 'gcr.io');
    expect(failure?.message).toMatch(/^google-auth-library failed: /);
    expect(failure?.code).toBe('CREDENTIALS');
  });
});

it('a package that is broken is told, not taken for one that is not installed', async () => {
  const environment = {
    ...(await surroundings()),
    importPackage: async () => {
      throw Object.assign(new Error("Cannot find package 'gaxios'"), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  };
  const { failure } = await askFor(googleKeychain(environment), 'gcr.io');
  expect(failure?.message).toBe(`google-auth-library failed: it cannot be loaded: "Cannot find package 'gaxios'"`);
});
