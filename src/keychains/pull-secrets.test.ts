import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/test-directory.ts';
import { parseRegistry } from '../oci/reference.ts';
import type { Credential } from '../remote/auth/credential.ts';
import { pullSecretsKeychain } from './pull-secrets.ts';

function auth(user: string): { readonly auth: string } {
  return { auth: Buffer.from(`${user}:secret`).toString('base64') };
}

async function secretOf(document: unknown, name = '.dockerconfigjson'): Promise<string> {
  const file = join(await testDirectory(), name);
  await writeFile(file, typeof document === 'string' ? document : JSON.stringify(document));
  return file;
}

async function ask(paths: readonly string[], target: string, warnings: string[] = []): Promise<Credential | undefined> {
  const slash = target.indexOf('/');
  const registry = parseRegistry(slash < 0 ? target : target.slice(0, slash));
  const keychain = pullSecretsKeychain(paths, { onWarning: (message) => warnings.push(message) });
  return keychain({ registry, repository: slash < 0 ? undefined : target.slice(slash + 1) });
}

/** Which of several keys is taken for a repository. */
async function chosen(keys: readonly string[], target: string): Promise<string | undefined> {
  const file = await secretOf({ auths: Object.fromEntries(keys.map((key, i) => [key, auth(`user-${i}`)])) });
  const user = (await ask([file], target))?.username;
  return user === undefined ? undefined : keys[Number(user.slice(5))];
}

describe('a pull secret', () => {
  it.each([
    ['.dockerconfigjson', { auths: { 'registry.example': auth('user') } }],
    ['.dockercfg', { 'https://registry.example/v1/': auth('user') }],
  ])('is read in the form of %s', async (name, document) => {
    const file = await secretOf(document, name);
    expect(await ask([file], 'registry.example/app')).toEqual({ source: file, username: 'user', password: 'secret' });
  });

  it('is found in the directory it is mounted at, and below a directory of such', async () => {
    const root = await testDirectory();
    for (const [name, file] of [
      ['one', '.dockerconfigjson'],
      ['two', '.dockercfg'],
    ] as const) {
      // As the kubelet mounts it: the file is a link into a directory that is replaced as a whole.
      const data = join(root, name, '..data');
      await mkdir(data, { recursive: true });
      const entries = { [`${name}.example`]: auth(name) };
      await writeFile(join(data, file), JSON.stringify(file === '.dockercfg' ? entries : { auths: entries }));
      await symlink(join('..data', file), join(root, name, file));
    }
    expect((await ask([join(root, 'one')], 'one.example/app'))?.username).toBe('one');
    expect((await ask([root], 'one.example/app'))?.username).toBe('one');
    expect((await ask([root], 'two.example/app'))?.username).toBe('two');
    expect(await ask([root], 'three.example/app')).toBe(undefined);
  });

  it('that is not there, is no JSON or too large is an error that names it and not what is in it', async () => {
    await expect(ask(['/nowhere/secret'], 'a.example')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const broken = await secretOf('{"auths": hunter2');
    const failure: unknown = await ask([broken], 'a.example').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'INVALID_SETTINGS', message: expect.stringContaining(broken) });
    expect(String(failure)).not.toContain('hunter2');
    const large = await secretOf(`{"auths": {}}${' '.repeat(1024 * 1024)}`);
    await expect(ask([large], 'a.example')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('with one entry that makes no sense has that skipped, with a warning that does not repeat it', async () => {
    const file = await secretOf({ auths: { 'a.example': { auth: 'aHVudGVyMg==' }, 'b.example': auth('user') } });
    const warnings: string[] = [];
    expect(await ask([file], 'a.example/app', warnings)).toBe(undefined);
    expect((await ask([file], 'b.example/app'))?.username).toBe('user');
    expect(warnings).toEqual([
      `The entry for "a.example" in ${file} is skipped: its auth is not base64 of user:password`,
    ]);
  });
});

describe('keys of pull secrets', () => {
  it.each([
    ['registry.example', 'registry.example/app', true],
    ['https://registry.example/v2/', 'registry.example/app', true],
    ['REGISTRY.example', 'registry.example/app', true],
    ['registry.example:5000', 'registry.example/app', false],
    ['registry.example', 'registry.example:5000/app', false],
    ['registry.example:5000', 'registry.example:5000/app', true],
    ['*.example', 'registry.example/app', true],
    ['*.example', 'a.registry.example/app', false],
    ['*.*.example', 'a.registry.example/app', true],
    ['reg*.example', 'registry.example/app', true],
    ['r*g*y.example', 'registry.example/app', true],
    ['r*x*y.example', 'registry.example/app', false],
    ['registr?.example', 'registry.example/app', true],
    ['registry?.example', 'registry.example/app', false],
    ['*try.example', 'registry.example/app', true],
    ['*', 'registry.example/app', false],
    ['registry.example/team', 'registry.example/team/app', true],
    ['registry.example/te', 'registry.example/team/app', true],
    ['registry.example/other', 'registry.example/team/app', false],
    ['registry.example/team', 'registry.example', false],
    ['https://index.docker.io/v1/', 'docker.io/library/alpine', true],
    ['docker.io', 'index.docker.io/library/alpine', true],
  ])('%s for %s: %s', async (key, target, fits) => {
    expect(await chosen([key], target)).toBe(fits ? key : undefined);
  });

  it('that are longer go before those they begin with', async () => {
    const keys = ['registry.example', 'registry.example/team/app', 'registry.example/team'];
    expect(await chosen(keys, 'registry.example/team/app')).toBe('registry.example/team/app');
    expect(await chosen(keys, 'registry.example/team/web')).toBe('registry.example/team');
    expect(await chosen(keys, 'registry.example/web')).toBe('registry.example');
  });
});
