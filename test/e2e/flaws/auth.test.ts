import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { writeTree } from '../../support/file-tree.ts';
import { succeeded } from '../../support/command.ts';
import { contentScript } from '../../support/content-script.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { layeredImage } from '../../support/sample-image.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  scriptedServer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { expectRefused, type Workplace, workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const image = layeredImage('auth', { layers: ['gzip', 'gzip', 'gzip'] });
const read = contentScript([image, ...image.blobs], { v1: image });

async function configIn(place: Workplace): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(`${place.dockerConfig}/config.json`, 'utf8')) as Record<string, unknown>;
}

describe('auth login', () => {
  it('with only a password leaves config.json readable, and so with only a user (flaw 9)', async () => {
    for (const flags of [['-p', 'secret'], ['-u', 'user'], ['-u', 'user', '-p', ''], []]) {
      await expectRefused({ args: ['auth', 'login', 'ghcr.io', ...flags], says: ['username and password required'] });
    }
    await expectRefused({
      args: ['auth', 'login', 'ghcr.io', '-u', 'user', '--password-stdin'],
      input: '\n',
      says: ['username and password required'],
    });
  });

  it('keeps keys of config.json that it does not know (flaw 9)', async () => {
    await using place = await workplace();
    const before = {
      auths: { 'other.example': { auth: 'dTpw', email: 'x@y' } },
      HttpHeaders: { 'User-Agent': 'mine' },
      plugins: { a: { b: 'c' } },
      psFormat: 'table',
    };
    await writeTree(place.dockerConfig, { 'config.json': JSON.stringify(before) });
    succeeded(
      await place.crane(['auth', 'login', 'ghcr.io', '--skip-verify', '-u', 'user', '--password-stdin'], {
        input: 'secret\n',
      }),
    );
    const auths = { ...before.auths, 'ghcr.io': { auth: Buffer.from('user:secret').toString('base64') } };
    expect(await configIn(place)).toEqual({ ...before, auths });
    succeeded(await place.crane(['auth', 'logout', 'ghcr.io']));
    expect(await configIn(place)).toEqual(before);
    expect(await readdir(place.dockerConfig)).toEqual(['config.json']);
  });

  it('makes a file that only its owner can read (9.2)', async () => {
    await using place = await workplace();
    succeeded(await place.crane(['auth', 'login', 'ghcr.io', '--skip-verify', '-u', 'user', '-p', 'secret']));
    expect((await stat(`${place.dockerConfig}/config.json`)).mode & 0o777).toBe(0o600);
  });

  it('of a malformed config.json says which file and changes nothing (flaw 9)', async () => {
    const args = ['auth', 'login', 'ghcr.io', '--skip-verify', '-u', 'user', '-p', 'secret'];
    const { stderr } = await expectRefused({ args, config: '{"auths": "hunter2', says: ['config.json', 'not JSON'] });
    expect(stderr).not.toContain('hunter2');
    await expectRefused({ args, config: '{"auths":[]}', says: ['config.json', 'auths'] });
  });
});

describe('auth get', () => {
  it.each(['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'https://index.docker.io/v1'])(
    'takes names in the form of URLs: %s (flaw 21)',
    async (name) => {
      await using place = await workplace();
      succeeded(await place.crane(['auth', 'login', 'docker.io', '--skip-verify', '-u', 'user', '-p', 'secret']));
      expect(Object.keys((await configIn(place))['auths'] as object)).toEqual(['https://index.docker.io/v1/']);
      const expected = '{"Username":"user","Secret":"secret"}\n';
      expect(succeeded(await place.crane(['auth', 'get', name])).stdout).toBe(expected);
      expect(succeeded(await place.crane(['auth', 'get'], { input: `${name}\n` })).stdout).toBe(expected);
    },
  );

  it('prints registry tokens (9.2)', async () => {
    await using place = await workplace();
    await writeTree(place.dockerConfig, { 'config.json': '{"auths":{"ghcr.io":{"registrytoken":"abc"}}}' });
    expect(succeeded(await place.crane(['auth', 'get', 'ghcr.io'])).stdout).toContain('"Secret":"abc"');
  });

  it('says so where there is nothing, and fails', async () => {
    await using place = await workplace();
    const result = await place.crane(['auth', 'get', 'ghcr.io']);
    expect(result).toMatchObject({ code: 1, stdout: 'credentials not found in native keychain\n', stderr: '' });
  });
});

describe('auth logout', () => {
  it('says when there was nothing to remove (9.2)', async () => {
    await using place = await workplace();
    expect(succeeded(await place.crane(['auth', 'logout', 'ghcr.io'])).stderr).toContain(
      'nothing was stored for ghcr.io',
    );
  });
});

describe('tokens', () => {
  let servers: ScriptedServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
    servers = [];
  });

  /** A registry that wants tokens, which it gives to everybody, or to a user. */
  async function tokenRegistry(
    answer: (request: ScriptedRequest) => ScriptedAnswer = () => ({
      status: 200,
      body: JSON.stringify({ token: 'T', expires_in: 300 }),
    }),
  ): Promise<ScriptedServer> {
    const server: ScriptedServer = await scriptedServer((request) => {
      if (request.url.pathname === '/token') return answer(request);
      if (request.headers.authorization === 'Bearer T') return read(request);
      return {
        status: 401,
        headers: {
          'www-authenticate': `Bearer realm="${server.origin}/token",service="s",scope="repository:app:pull"`,
        },
      };
    });
    servers.push(server);
    return server;
  }

  it.each(['token', 'access_token'])('auth token -H prints what the server calls %s (flaw 21)', async (key) => {
    const server = await tokenRegistry(() => ({ status: 200, body: JSON.stringify({ [key]: 'T' }) }));
    await using place = await workplace();
    expect(succeeded(await place.crane(['auth', 'token', '-H', `${server.registry}/app`])).stdout).toBe(
      'Authorization: Bearer T',
    );
    expect(JSON.parse(succeeded(await place.crane(['auth', 'token', `${server.registry}/app`])).stdout)).toMatchObject({
      token: 'T',
    });
    expect(server.requests.at(-1)?.headers['user-agent']).toMatch(/^crane\//);
  });

  it.each([
    [{ token: 'T', expires_in: 30 }, '{"token":"T","refresh_token":"","expires_in":30}'],
    [{ access_token: 'T' }, '{"token":"T","access_token":"T","refresh_token":"","expires_in":60}'],
    [
      { token: 'T', access_token: 'A<', refresh_token: 'R', expires_in: 300 },
      '{"token":"T","access_token":"A\\u003c","refresh_token":"R","expires_in":300}',
    ],
  ])('auth token prints %j with the names the server uses', async (answer, printed) => {
    const server = await tokenRegistry(() => ({ status: 200, body: JSON.stringify(answer) }));
    await using place = await workplace();
    expect(succeeded(await place.crane(['auth', 'token', `${server.registry}/app`])).stdout).toBe(`${printed}\n`);
  });

  it('an identity token goes to its server by POST, and its user without a password is never sent as a credential', async () => {
    const server = await tokenRegistry(({ method }) =>
      method === 'POST' ? { status: 404 } : { status: 200, body: JSON.stringify({ token: 'T' }) },
    );
    await using place = await workplace();
    const entry = { auth: Buffer.from('0000:').toString('base64'), identitytoken: 'I' };
    await writeTree(place.dockerConfig, { 'config.json': JSON.stringify({ auths: { [server.registry]: entry } }) });
    succeeded(await place.crane(['manifest', `${server.registry}/app:v1`]));
    const asked = server.requests.filter(({ url }) => url.pathname === '/token');
    expect(asked.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['POST', undefined],
      ['GET', undefined],
    ]);
    expect(new URLSearchParams(asked[0]?.body.toString()).get('refresh_token')).toBe('I');
  });

  it('auth token refuses mounts from another registry (9.2)', async () => {
    const server = await tokenRegistry();
    await expectRefused({
      args: ['auth', 'token', `${server.registry}/app`, '-m', 'ghcr.io/other'],
      says: ['"ghcr.io/other"'],
    });
  });

  it('one token serves all requests to a host (flaw 26)', async () => {
    const server = await tokenRegistry();
    await using place = await workplace();
    succeeded(await place.crane(['pull', `${server.registry}/app:v1`, 'out.tar']));
    expect(server.log.filter((line) => line.includes('/token'))).toHaveLength(1);
    expect(server.log.filter((line) => line.endsWith('/v2/'))).toEqual([]);
    expect(server.log).toHaveLength(1 + 1 + 1 + 1 + image.layers.length);
  });

  it('a token server that gives none is named', async () => {
    const server = await tokenRegistry(() => ({ status: 200, body: '{"nothing":1}' }));
    const { stderr } = await expectRefused({
      args: ['manifest', `${server.registry}/app:v1`],
      says: [server.registry, 'token'],
    });
    expect(stderr).not.toContain('undefined');
  });

  it('a helper that is broken ends no command that needs no credentials (3.2)', async () => {
    await using server = await scriptedServer(read);
    await using place = await workplace();
    await writeTree(place.dockerConfig, { 'config.json': JSON.stringify({ credsStore: 'does-not-exist' }) });
    expect(succeeded(await place.crane(['digest', `${server.registry}/app:v1`])).stdout).toBe(
      `${image.target.digest}\n`,
    );
  });

  it('a helper that is broken is named when credentials are needed (3.2)', async () => {
    await using server = await scriptedServer(() => ({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="r"' },
    }));
    const config = JSON.stringify({ credsStore: 'does-not-exist' });
    await expectRefused({
      args: ['digest', `${server.registry}/app:v1`],
      config,
      says: ['docker-credential-does-not-exist'],
    });
  });

  it('one malformed entry does not disable the others (3.2)', async () => {
    await using place = await workplace();
    await using server = await scriptedServer((request) =>
      request.headers.authorization === `Basic ${Buffer.from('user:secret').toString('base64')}`
        ? read(request)
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } },
    );
    const auths = {
      'broken.example': { auth: 'OnNlY3JldA==' },
      [server.registry]: { auth: Buffer.from('user:secret').toString('base64') },
    };
    await writeTree(place.dockerConfig, { 'config.json': JSON.stringify({ auths }) });
    succeeded(await place.crane(['digest', `${server.registry}/app:v1`]));
  });

  it('credentials of a path stay with that path (3.2)', async () => {
    await using place = await workplace();
    const seen: (readonly [string, string | undefined])[] = [];
    await using server = await scriptedServer((request) => {
      if (request.headers.authorization !== undefined) seen.push([request.target, request.headers.authorization]);
      const isTeam = request.target.startsWith('/v2/team/');
      if (isTeam && request.headers.authorization !== undefined) return read(request);
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };
    });
    const auths = { [`${server.registry}/team`]: { auth: Buffer.from('user:secret').toString('base64') } };
    await writeTree(place.dockerConfig, { 'config.json': JSON.stringify({ auths }) });
    succeeded(await place.crane(['digest', `${server.registry}/team/app:v1`]));
    const count = seen.length;
    expectRefusal(await place.crane(['digest', `${server.registry}/other/app:v1`]), 'credentials');
    expect(seen).toHaveLength(count);
  });

  it('DOCKER_AUTH_CONFIG counts without any file (3.2)', async () => {
    await using place = await workplace();
    const auth = Buffer.from('user:secret').toString('base64');
    const env = {
      DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'ghcr.io': { auth } } }),
      DOCKER_CONFIG: place.file('nowhere'),
    };
    expect(succeeded(await place.crane(['auth', 'get', 'ghcr.io'], { env })).stdout).toBe(
      '{"Username":"user","Secret":"secret"}\n',
    );
  });

  it('credentials never follow a redirect to another origin (6.1)', async () => {
    await using elsewhere = await scriptedServer((request) => read(request));
    await using server = await scriptedServer((request) => {
      if (request.headers.authorization === undefined)
        return { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };
      return request.target.includes('/blobs/')
        ? { status: 307, headers: { location: `${elsewhere.origin}${request.target}` } }
        : read(request);
    });
    await using place = await workplace();
    await writeTree(place.dockerConfig, {
      'config.json': JSON.stringify({
        auths: { [server.registry]: { auth: 'dTpw' } },
        HttpHeaders: { 'X-Secret': 's' },
      }),
    });
    succeeded(await place.crane(['pull', `${server.registry}/app:v1`, 'out.tar']));
    expect(elsewhere.requests.length).toBeGreaterThan(0);
    for (const { headers } of elsewhere.requests)
      expect([headers.authorization, headers['x-secret']]).toEqual([undefined, undefined]);
  });
});
