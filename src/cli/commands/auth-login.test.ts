import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../test/support/free-port.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { simulateRegistry, type SimulateOptions } from '../../../test/simulated-registry/simulate.ts';

const users = { joe: { password: 'secret' } };
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'crane-oci-login-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

describe('auth login', () => {
  it.each<SimulateOptions>([
    {},
    { challenge: 'basic' },
    { challenge: 'ping-only', token: { field: 'access_token' } },
    { challenge: 'joined', realm: 'same-host' },
    { anonymous: {}, token: { anonymous: false } },
  ])('asks a registry that is %j, and stores what it takes', async (quirks) => {
    await using registry = await simulateRegistry({ users, ...quirks });
    const result = await login(registry.host, 'joe', 'secret');
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toContain('logged in via');
    expect(result.stderr).not.toContain('unverified');
    expect(await stored(registry.host)).toBe('joe:secret');
  });

  it.each<SimulateOptions>([{}, { challenge: 'basic' }, { anonymous: { pull: ['*'] }, ping: 401 }])(
    'stores nothing that is refused, and says by whom and why: %j',
    async (quirks) => {
      await using registry = await simulateRegistry({ users, ...quirks });
      const { code, stderr } = await login(registry.host, 'joe', 'wrong');
      expect(code).toBe(1);
      expect(stderr).toContain(`${registry.host} refused the credentials from the command line, 401 Unauthorized`);
      expect(stderr).toContain('nothing was stored');
      expect(stderr).toContain('--skip-verify');
      expect(stderr).not.toContain('wrong');
      expect(await stored(registry.host)).toBeUndefined();
      await login(registry.host, 'joe', 'wrong', '--skip-verify');
      expect(await stored(registry.host)).toBe('joe:wrong');
    },
  );

  it('does not take what is stored already, or what anybody gets, for an answer', async () => {
    await using registry = await simulateRegistry({ users });
    await login(registry.host, 'joe', 'secret');
    expect((await login(registry.host, 'joe', 'wrong')).code).toBe(1);
    expect((await login(registry.host, 'jane', 'secret')).code).toBe(1);
    expect(await stored(registry.host)).toBe('joe:secret');
  });

  it('says that a registry asked for nothing', async () => {
    await using registry = await simulateRegistry();
    const { code, stderr } = await login(registry.host, 'joe', 'secret');
    expect(code).toBe(0);
    expect(stderr).toContain(`${registry.host} asks for no credentials; stored unverified`);
    expect(await stored(registry.host)).toBe('joe:secret');
  });

  it('stores nothing for a registry that cannot be reached, unless told to', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await login(host, 'joe', 'secret');
    expect(code).toBe(1);
    expect(stderr).toContain('--skip-verify');
    expect(await stored(host)).toBeUndefined();
    expect((await login(host, 'joe', 'secret', '--skip-verify')).code).toBe(0);
    expect(await stored(host)).toBe('joe:secret');
  });

  it.each([404, 403] as const)('stores nothing for a server that answers %i at its root', async (ping) => {
    await using registry = await simulateRegistry({ ping, users });
    const { code, stderr } = await login(registry.host, 'joe', 'secret');
    expect(code).toBe(1);
    expect(stderr).toContain('--skip-verify');
    expect(await stored(registry.host)).toBeUndefined();
  });

  it('knows Docker Hub by all of its names', async () => {
    for (const name of ['docker.io', 'registry.docker.io', 'https://index.docker.io/v1/', 'registry-1.docker.io']) {
      await login(name, 'joe', name, '--skip-verify');
      expect(await stored('https://index.docker.io/v1/')).toBe(`joe:${name}`);
    }
  });
});

describe('auth get', () => {
  it('leaves out what is empty', async () => {
    await mkdir(join(home, '.docker'));
    const auths = { 'r.example': { username: 'joe' } };
    await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ auths }));
    expect(await craneInProcess(['auth', 'get', 'r.example'], { home })).toMatchObject({
      code: 0,
      stdout: '{"Username":"joe"}\n',
    });
  });
});

async function login(
  host: string,
  user: string,
  password: string,
  ...more: readonly string[]
): Promise<InProcessResult> {
  return craneInProcess(['auth', 'login', host, '-u', user, '--password-stdin', ...more], {
    home,
    input: `${password}\n`,
  });
}

async function stored(key: string): Promise<string | undefined> {
  const text = await readFile(join(home, '.docker', 'config.json'), 'utf8').catch(() => '{}');
  const { auths = {} } = JSON.parse(text) as { readonly auths?: Readonly<Record<string, { readonly auth: string }>> };
  const auth = auths[key]?.auth;
  return auth === undefined ? undefined : Buffer.from(auth, 'base64').toString();
}
