import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRegistry } from '../../oci/reference.ts';
import type { Credential } from './credential.ts';
import type { HelperCall, HelperResult } from './credential-helper.ts';
import { configuredHeaders, defaultKeychain } from './docker-config.ts';
import type { CredentialEnvironment } from './environment.ts';

let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'crane-oci-home-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

describe('defaultKeychain, entries', () => {
  it.each([
    ['r.example', 'r.example'],
    ['https://r.example', 'r.example'],
    ['https://r.example/v1/', 'r.example'],
    ['http://r.example:5000/v2', 'r.example:5000'],
    ['https://index.docker.io/v1/', 'index.docker.io'],
    ['docker.io', 'index.docker.io'],
    ['registry-1.docker.io', 'index.docker.io'],
    ['registry.docker.io', 'index.docker.io'],
    ['registry.hub.docker.com/v2/', 'index.docker.io'],
    ['https://index.docker.io/v1/', 'registry-1.docker.io'],
    ['https://R.Example/', 'r.example'],
  ])('finds what is stored under %s', async (key, registry) => {
    await config({ auths: { [key]: { auth: base64('me:a:b') } } });
    expect(await find(registry, 'team/app')).toMatchObject({ username: 'me', password: 'a:b' });
  });

  it('uses a key with a path below that path only, the longest first', async () => {
    await config({
      auths: {
        'r.example': { auth: base64('host:1') },
        'r.example/team': { auth: base64('team:1') },
        'r.example/team/app': { auth: base64('app:1') },
        'q.example/team': { auth: base64('other:1') },
      },
    });
    expect((await find('r.example', 'team/app/x'))?.username).toBe('app');
    expect((await find('r.example', 'team/other'))?.username).toBe('team');
    expect((await find('r.example', 'teamwork'))?.username).toBe('host');
    expect(await find('q.example', 'alone')).toBeUndefined();
    expect(await find('q.example')).toBeUndefined();
    expect(await find('sub.r.example', 'team/app')).toBeUndefined();
    expect(await find('r.example.evil', 'team/app')).toBeUndefined();
    expect(await find('r.example:5000', 'team/app')).toBeUndefined();
  });

  it('chooses alike whatever the order, the plain key before one with a scheme', async () => {
    const entries = [
      ['https://r.example/v1/', { auth: base64('b:1') }],
      ['r.example', { auth: base64('a:1') }],
    ] as const;
    await config({ auths: Object.fromEntries(entries) });
    expect((await find('r.example'))?.username).toBe('a');
    await config({ auths: Object.fromEntries([...entries].reverse()) });
    expect((await find('r.example'))?.username).toBe('a');
  });

  it('reads tokens, and user and password written apart', async () => {
    await config({
      auths: {
        a: {},
        'i.example': { auth: base64('0000:'), identitytoken: 'I' },
        'r.example': { registrytoken: 'R' },
        't.example': { auth: base64('<token>:T') },
        'u.example': { username: 'me', password: 'pw' },
      },
    });
    expect(await find('i.example')).toMatchObject({ identityToken: 'I', username: '0000' });
    expect(await find('r.example')).toMatchObject({ registryToken: 'R' });
    expect(await find('t.example')).toEqual({ source: configFile(), identityToken: 'T' });
    expect(await find('u.example')).toMatchObject({ username: 'me', password: 'pw' });
  });

  it('skips one malformed entry with a warning that does not show it', async () => {
    await config({ auths: { 'r.example': { auth: base64(':hidden') }, 'q.example': { auth: base64('me:pw') } } });
    const warnings: string[] = [];
    const keychain = defaultKeychain({ ...environment(), onWarning: (message) => warnings.push(message) });
    expect(await keychain({ registry: parseRegistry('r.example') })).toBeUndefined();
    expect(await keychain({ registry: parseRegistry('q.example') })).toMatchObject({ username: 'me' });
    expect(warnings).toEqual([
      `The entry for "r.example" in ${configFile()} is skipped: its auth is not base64 of user:password`,
    ]);
  });
});

describe('defaultKeychain, files', () => {
  it.each(['{bad', '[]', '{"auths":[]}', '"x"'])('refuses the malformed file %s by name', async (text) => {
    await write(configFile(), text);
    await expect(find('r.example')).rejects.toMatchObject({
      code: 'INVALID_SETTINGS',
      message: expect.stringContaining(configFile()) as string,
    });
  });

  it.each(['{bad', '[]', '{"auths":[]}'])(
    'goes on without the malformed DOCKER_AUTH_CONFIG %s, and says so',
    async (text) => {
      await config({ auths: auths('docker', 'a.example') });
      const warnings: string[] = [];
      const env = { DOCKER_AUTH_CONFIG: text };
      const keychain = defaultKeychain({ ...environment(), env, onWarning: (message) => warnings.push(message) });
      expect((await keychain({ registry: parseRegistry('a.example') }))?.username).toBe('docker');
      expect(warnings).toEqual([expect.stringMatching(/^Credentials in DOCKER_AUTH_CONFIG .*; it is ignored$/)]);
    },
  );

  it('takes a missing or empty file and a directory for no credentials', async () => {
    expect(await find('r.example')).toBeUndefined();
    await write(configFile(), ' \n');
    expect(await find('r.example')).toBeUndefined();
    await rm(configFile());
    await mkdir(configFile());
    expect(await find('r.example')).toBeUndefined();
  });

  it('asks DOCKER_AUTH_CONFIG, config.json, REGISTRY_AUTH_FILE in this order', async () => {
    const named = join(home, 'named.json');
    await config({ auths: auths('docker', 'a.example', 'b.example') });
    await write(named, JSON.stringify({ auths: auths('named', 'a.example', 'b.example', 'c.example') }));
    const env = {
      DOCKER_AUTH_CONFIG: JSON.stringify({ auths: auths('variable', 'a.example') }),
      REGISTRY_AUTH_FILE: named,
    };
    expect((await find('a.example', undefined, env))?.username).toBe('variable');
    expect((await find('b.example', undefined, env))?.username).toBe('docker');
    expect((await find('c.example', undefined, env))?.username).toBe('named');
  });

  it("asks podman's files below XDG_RUNTIME_DIR, then below the configuration directory", async () => {
    const runtime = join(home, 'run');
    await write(join(runtime, 'containers', 'auth.json'), JSON.stringify({ auths: auths('runtime', 'a.example') }));
    await write(
      join(home, '.config', 'containers', 'auth.json'),
      JSON.stringify({ auths: auths('config', 'a.example', 'b.example/team') }),
    );
    const env = { XDG_RUNTIME_DIR: runtime };
    expect((await find('a.example', undefined, env))?.username).toBe('runtime');
    expect((await find('b.example', 'team/app', env))?.username).toBe('config');
  });

  it('reads config.json where DOCKER_CONFIG says', async () => {
    const directory = join(home, 'elsewhere');
    await write(
      join(directory, 'config.json'),
      JSON.stringify({ auths: auths('else', 'a.example'), HttpHeaders: { 'X-A': 'b' } }),
    );
    const env = { DOCKER_CONFIG: directory };
    expect(await find('a.example', undefined, env)).toMatchObject({ source: join(directory, 'config.json') });
    expect(await configuredHeaders({ ...environment(), env })).toEqual({ 'X-A': 'b' });
  });
});

describe('defaultKeychain, helpers', () => {
  it('asks the helper of the registry, else the common one, each once', async () => {
    await config({ credsStore: 'common', credHelpers: { 'r.example': 'own' } });
    const calls: string[] = [];
    const run = async ({ program, action, input }: HelperCall): Promise<HelperResult> => {
      calls.push(`${program} ${action} ${input}`);
      return { exitCode: 0, stdout: JSON.stringify({ ServerURL: input, Username: 'me', Secret: 'pw' }), stderr: '' };
    };
    const keychain = defaultKeychain({ ...environment(), run });
    for (const registry of ['r.example', 'index.docker.io', 'r.example']) {
      expect(await keychain({ registry: parseRegistry(registry), repository: 'team/app' })).toMatchObject({
        username: 'me',
        password: 'pw',
      });
    }
    expect(calls).toEqual([
      'docker-credential-own get r.example',
      'docker-credential-common get https://index.docker.io/v1/',
    ]);
  });

  it('asks one helper once, also by many at a time and when it fails', async () => {
    await config({ credsStore: 'common' });
    let calls = 0;
    const run = async (): Promise<HelperResult> => {
      calls++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return said(3, '', 'vault is locked');
    };
    const keychain = defaultKeychain({ ...environment(), run });
    const ask = async (repository: string): Promise<unknown> =>
      keychain({ registry: parseRegistry('r.example'), repository }).catch((error: unknown) => error);
    const answers = await Promise.all(['a', 'b', 'c'].map(ask));
    expect(new Set([...answers, await ask('d')]).size).toBe(1);
    expect(calls).toBe(1);
  });

  it('goes on to the next source when a helper fails, and says which it took', async () => {
    await config({ credsStore: 'common' });
    const named = join(home, 'named.json');
    await write(named, JSON.stringify({ auths: auths('named', 'r.example') }));
    const warnings: string[] = [];
    const keychain = defaultKeychain({
      ...environment(),
      env: { REGISTRY_AUTH_FILE: named },
      run: async () => said(3, '', 'vault is locked'),
      onWarning: (message) => warnings.push(message),
    });
    expect((await keychain({ registry: parseRegistry('r.example') }))?.username).toBe('named');
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`vault is locked.*; going on with ${named}$`))]);
    await expect(keychain({ registry: parseRegistry('q.example') })).rejects.toMatchObject({ code: 'CREDENTIALS' });
  });

  it('knows identity tokens, and no for an answer', async () => {
    await config({ credsStore: 'common' });
    expect(await find('r.example', undefined, {}, async () => said(0, '{"Username":"<token>","Secret":"I"}'))).toEqual({
      source: 'docker-credential-common',
      identityToken: 'I',
    });
    expect(
      await find('r.example', undefined, {}, async () => said(1, 'credentials not found in native keychain\n')),
    ).toBeUndefined();
  });

  it.each([
    ['fails', async () => said(3, '', 'vault is locked'), 'exit code 3: "vault is locked"'],
    ['says nothing', async () => said(0, ''), 'is not JSON'],
    ['leaves something out', async () => said(0, '{"Username":"me"}'), 'without Username and Secret'],
  ])('says that a helper %s', async (_, run, words) => {
    await config({ credsStore: 'common' });
    await expect(find('r.example', undefined, {}, run)).rejects.toMatchObject({
      code: 'CREDENTIALS',
      message: expect.stringContaining(words) as string,
    });
  });

  it('runs real programs and says when one is not installed', async () => {
    const bin = join(home, 'bin');
    const script = '#!/bin/sh\nread -r key; printf \'{"Username":"%s","Secret":"%s"}\' "$1" "$key"\n';
    await write(join(bin, 'docker-credential-real'), script, 0o755);
    await config({ credHelpers: { 'r.example': 'real', 'm.example': 'missing', 'p.example': '../evil' } });
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    expect(await find('r.example', undefined, env)).toMatchObject({ username: 'get', password: 'r.example' });
    await expect(find('m.example', undefined, env)).rejects.toMatchObject({
      code: 'CREDENTIALS',
      message: 'The credential helper docker-credential-missing is not installed',
      hint: expect.stringContaining(configFile()) as string,
    });
    await expect(find('p.example', undefined, env)).rejects.toMatchObject({ code: 'CREDENTIALS' });
  });

  it('ends a helper that hangs when the call is cancelled', async () => {
    const bin = join(home, 'bin');
    await write(join(bin, 'docker-credential-hang'), '#!/bin/sh\nexec sleep 60\n', 0o755);
    await config({ credsStore: 'hang' });
    const keychain = defaultKeychain({ ...environment(), env: { PATH: `${bin}:/usr/bin:/bin` } });
    const controller = new AbortController();
    const call = keychain({ registry: parseRegistry('r.example') }, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(call).rejects.toThrow('enough');
  });
});

function environment(): CredentialEnvironment {
  return { env: {}, homedir: home };
}

async function find(
  registry: string,
  repository?: string,
  env: Readonly<Record<string, string>> = {},
  run?: (call: HelperCall) => Promise<HelperResult>,
): Promise<Credential | undefined> {
  return defaultKeychain({ env, homedir: home, run })({ registry: parseRegistry(registry), repository });
}

function said(exitCode: number, stdout: string, stderr = ''): HelperResult {
  return { exitCode, stdout, stderr };
}

function auths(user: string, ...keys: readonly string[]): object {
  return Object.fromEntries(keys.map((key) => [key, { auth: base64(`${user}:pw`) }]));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function configFile(): string {
  return join(home, '.docker', 'config.json');
}

async function config(document: object): Promise<void> {
  await write(configFile(), JSON.stringify(document));
}

async function write(file: string, text: string, mode = 0o600): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode });
}
