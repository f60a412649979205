import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { engineSettings, type EngineSettings } from './engine-settings.ts';

let homedir: string;

beforeEach(async () => {
  homedir = await testDirectory();
});

describe('where the engine is', () => {
  it('says DOCKER_HOST before everything else', async () => {
    await context('other', { Host: 'tcp://other' });
    const { address } = await settings({ DOCKER_HOST: 'unix:///a.sock', DOCKER_CONTEXT: 'other' });
    expect(address).toEqual({ kind: 'socket', path: '/a.sock' });
  });

  it('says DOCKER_CONTEXT, or config.json, and default means none', async () => {
    await context('work', { Host: 'tcp://work' });
    await put('.docker/config.json', '{"currentContext":"work"}');
    expect((await settings({})).address).toMatchObject({ kind: 'tcp', host: 'work', port: 2375 });
    await context('home', { Host: 'ssh://home' });
    expect((await settings({ DOCKER_CONTEXT: 'home' })).address).toMatchObject({ kind: 'command', name: 'ssh://home' });
    expect((await settings({ DOCKER_CONTEXT: 'default' })).address.kind).toBe('socket');
  });

  it('is below DOCKER_CONFIG when that is set', async () => {
    await put('elsewhere/config.json', '{"currentContext":"missing"}');
    await expect(settings({ DOCKER_CONFIG: join(homedir, 'elsewhere') })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('no Docker context "missing"') as string,
    });
  });

  it('is the named pipe on Windows', async () => {
    const { address } = await settings({}, 'win32');
    expect(address).toEqual({ kind: 'socket', path: '\\\\.\\pipe\\docker_engine' });
  });
});

describe('TLS', () => {
  it('comes from DOCKER_CERT_PATH, and without DOCKER_TLS_VERIFY any certificate is taken', async () => {
    await put('certs/ca.pem', 'CA');
    const env = { DOCKER_HOST: 'tcp://engine', DOCKER_CERT_PATH: join(homedir, 'certs') };
    expect((await settings(env)).address).toMatchObject({ port: 2376, tls: { ca: 'CA', insecure: true } });
    expect((await settings({ ...env, DOCKER_TLS_VERIFY: '1' })).address).toMatchObject({ tls: { insecure: false } });
    await expect(settings({ ...env, DOCKER_CERT_PATH: homedir })).rejects.toMatchObject({ code: 'INVALID_SETTINGS' });
  });

  it('comes from ~/.docker with DOCKER_TLS_VERIFY alone', async () => {
    await put('.docker/cert.pem', 'CERT');
    const { address } = await settings({ DOCKER_HOST: 'tcp://engine', DOCKER_TLS_VERIFY: '1' });
    expect(address).toMatchObject({ port: 2376, tls: { cert: 'CERT', insecure: false } });
  });

  it('comes with a context', async () => {
    const id = await context('tls', { Host: 'tcp://engine:1', SkipTLSVerify: true });
    await put(`.docker/contexts/tls/${id}/docker/key.pem`, 'KEY');
    const { address } = await settings({ DOCKER_CONTEXT: 'tls', DOCKER_TLS_VERIFY: '1' });
    expect(address).toMatchObject({ host: 'engine', port: 1, tls: { key: 'KEY', insecure: true } });
  });
});

it.each([
  ['config.json that is no JSON', '.docker/config.json', '{"auths":{"secret"', {}],
  ['a context that has no endpoint', `.docker/contexts/meta/${idOf('x')}/meta.json`, '{}', { DOCKER_CONTEXT: 'x' }],
  ['a version that is none', 'unused', '', { DOCKER_API_VERSION: 'latest' }],
  ['a host without a scheme', 'unused', '', { DOCKER_HOST: 'localhost:2375' }],
])('%s is said so, without what is in the file', async (_, file, text, env) => {
  await put(file, text);
  const failure = await settings(env).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'INVALID_SETTINGS' });
  expect(String(failure)).not.toContain('secret');
});

function settings(env: Readonly<Record<string, string>>, platform: NodeJS.Platform = 'linux'): Promise<EngineSettings> {
  return engineSettings({ env, homedir, platform });
}

async function context(name: string, docker: object): Promise<string> {
  await put(`.docker/contexts/meta/${idOf(name)}/meta.json`, JSON.stringify({ Name: name, Endpoints: { docker } }));
  return idOf(name);
}

function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(homedir, path)), { recursive: true });
  await writeFile(join(homedir, path), text);
}
