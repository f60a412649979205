import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRegistry } from '../../oci/reference.ts';
import { eraseCredential, storeCredential } from './config-file.ts';
import type { HelperCall, HelperResult } from './credential-helper.ts';

const registry = parseRegistry('r.example');
const me = { username: 'me', password: 'pw' };
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'crane-oci-home-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

describe('storeCredential', () => {
  it('writes what Docker writes, for nobody else to read', async () => {
    expect(await storeCredential(environment(), registry, me)).toEqual({
      file: file(),
      helper: undefined,
      changed: true,
    });
    expect(await readFile(file(), 'utf8')).toBe(
      '{\n\t"auths": {\n\t\t"r.example": {\n\t\t\t"auth": "bWU6cHc="\n\t\t}\n\t}\n}',
    );
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, '.docker'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(home, '.docker'))).toEqual(['config.json']);
  });

  it('keeps everything else in the file, and its order, mode and link', async () => {
    const real = join(home, 'real.json');
    await writeFile(
      real,
      '{"plugins":{"x":{"y":"1"}},"auths":{"a.example":{"auth":"Ojo="}},"HttpHeaders":{"User-Agent":"u"}}',
    );
    await chmod(real, 0o640);
    await mkdir(join(home, '.docker'));
    await symlink(real, file());
    await storeCredential(environment(), registry, me);
    expect(JSON.stringify(JSON.parse(await readFile(real, 'utf8')))).toBe(
      '{"plugins":{"x":{"y":"1"}},"auths":{"a.example":{"auth":"Ojo="},"r.example":{"auth":"bWU6cHc="}},"HttpHeaders":{"User-Agent":"u"}}',
    );
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    expect(await readlink(file())).toBe(real);
  });

  it('loses none of several logins at the same time, and leaves no lock', async () => {
    const registries = Array.from({ length: 20 }, (_, i) => parseRegistry(`r${i}.example`));
    await Promise.all(registries.map((one) => storeCredential(environment(), one, me)));
    const { auths } = JSON.parse(await readFile(file(), 'utf8')) as { auths: object };
    expect(Object.keys(auths).sort()).toEqual([...registries].sort());
    await Promise.all(registries.map((one) => eraseCredential(environment(), one)));
    expect(JSON.parse(await readFile(file(), 'utf8'))).toEqual({ auths: {} });
    expect(await readdir(join(home, '.docker'))).toEqual(['config.json']);
  });

  it('says which file it could not write', async () => {
    await writeFile(join(home, '.docker'), 'no directory');
    await expect(storeCredential(environment(), registry, me)).rejects.toMatchObject({
      code: 'INVALID_SETTINGS',
      message: expect.stringContaining(file()) as string,
    });
  });

  it('stores Docker Hub under the key Docker uses', async () => {
    await storeCredential(environment(), parseRegistry('docker.io'), me);
    expect(await readFile(file(), 'utf8')).toContain('"https://index.docker.io/v1/"');
  });

  it('says when nothing changed', async () => {
    await storeCredential(environment(), registry, me);
    expect(await storeCredential(environment(), registry, me)).toMatchObject({ changed: false });
  });

  it.each([
    { username: '', password: 'pw' },
    { username: 'a:b', password: 'pw' },
    { username: 'me', password: '' },
  ])('refuses %j, which would spoil the file', async (user) => {
    await expect(storeCredential(environment(), registry, user)).rejects.toMatchObject({ code: 'CREDENTIALS' });
    await expect(stat(file())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves a malformed file as it is', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(file(), '{broken');
    await expect(storeCredential(environment(), registry, me)).rejects.toMatchObject({ code: 'INVALID_SETTINGS' });
    expect(await readFile(file(), 'utf8')).toBe('{broken');
  });

  it('gives the password to a helper and only notes the registry', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(file(), '{"credsStore":"keep"}');
    const calls: HelperCall[] = [];
    const run = async (call: HelperCall): Promise<HelperResult> => {
      calls.push(call);
      return { exitCode: 0, stdout: '', stderr: '' };
    };
    expect(await storeCredential({ ...environment(), run }, registry, me)).toMatchObject({
      helper: 'keep',
      changed: true,
    });
    expect(calls.map(({ program, action, input }) => [program, action, input])).toEqual([
      ['docker-credential-keep', 'store', '{"ServerURL":"r.example","Username":"me","Secret":"pw"}'],
    ]);
    expect(JSON.parse(await readFile(file(), 'utf8'))).toEqual({ credsStore: 'keep', auths: { 'r.example': {} } });
    await eraseCredential({ ...environment(), run }, registry);
    expect(calls.at(-1)).toMatchObject({ action: 'erase', input: 'r.example' });
  });
});

describe('eraseCredential', () => {
  it('removes the entry in all its spellings and nothing below a path', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(file(), '{"auths":{"r.example":{},"https://r.example/v1/":{},"r.example/team":{},"q.example":{}}}');
    expect(await eraseCredential(environment(), registry)).toMatchObject({ changed: true });
    expect(Object.keys((JSON.parse(await readFile(file(), 'utf8')) as { auths: object }).auths)).toEqual([
      'r.example/team',
      'q.example',
    ]);
  });

  it('says when there was nothing, and writes nothing', async () => {
    expect(await eraseCredential(environment(), registry)).toMatchObject({ changed: false });
    await expect(stat(file())).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

function environment(): { readonly env: Record<string, string>; readonly homedir: string } {
  return { env: {}, homedir: home };
}

function file(): string {
  return join(home, '.docker', 'config.json');
}
