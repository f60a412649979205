import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { withPrograms } from '../../../test/support/fake-program.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';

interface Surroundings {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A home without anything, and no programs but these. */
async function surroundings(
  programs: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Surroundings> {
  const { directory } = await withPrograms(programs);
  return { home: directory, env: { PATH: directory, ...env } };
}

async function writeConfig({ home }: Surroundings, config: object): Promise<string> {
  await mkdir(join(home, '.docker'));
  const file = join(home, '.docker', 'config.json');
  await writeFile(file, JSON.stringify(config));
  return file;
}

function explain(args: readonly string[], around: Surroundings): Promise<InProcessResult> {
  return craneInProcess(['auth', 'explain', ...args], around);
}

function auth(user: string, password: string): { readonly auth: string } {
  return { auth: Buffer.from(`${user}:${password}`).toString('base64') };
}

describe('crane auth explain', () => {
  it('lists the places in order, and why they have nothing', async () => {
    const around = await surroundings();
    const { code, stdout, stderr } = await explain(['registry.example'], around);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      [
        'Credentials for registry.example are looked for in',
        '  1. DOCKER_AUTH_CONFIG: it is not set',
        `  2. ${around.home}/.docker/config.json: the file is not there`,
        `  3. ${around.home}/.config/containers/auth.json: the file is not there`,
        'There are no credentials: registry.example is asked without.\n',
      ].join('\n'),
    );
  });

  it('shows who answers, and asks no other', async () => {
    const around = await surroundings();
    const file = await writeConfig(around, { auths: { 'ghcr.io': auth('joe', 'hunter2') } });
    const { stdout } = await explain(['ghcr.io/team/app'], around);
    expect(stdout).toContain('Credentials for ghcr.io/team/app are looked for in\n');
    expect(stdout).toContain(`  2. ${file}: used, a password of user "joe" from ${file}\n`);
    expect(stdout).toContain('auth.json: not asked\n');
    expect(stdout).toContain('gh: not asked\n');
    expect(stdout).not.toContain('hunter2');
  });

  it.each([
    ['_json_key', '{"type": "service_account"}'],
    ['_json_key_base64', 'eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0='],
    ['oauth2accesstoken', 'ya29.token'],
  ])('takes what is stored for %s before anything of Google', async (user, password) => {
    const around = await surroundings({ gcloud: 'echo asked; exit 1' });
    const file = await writeConfig(around, { auths: { 'https://gcr.io': auth(user, password) } });
    const { stdout } = await explain(['gcr.io'], around);
    expect(stdout).toContain(`used, a password of user "${user}" from ${file}`);
    expect(JSON.parse((await craneInProcess(['auth', 'get', 'gcr.io'], around)).stdout)).toEqual({
      Username: user,
      Secret: password,
    });
  });

  it('shows the cloud of a registry, with the kind of its credentials, their user and until when they are good', async () => {
    const around = await surroundings({}, { GITHUB_TOKEN: 'ghs_secret', GITHUB_ACTOR: 'octocat' });
    const { stdout } = await explain(['ghcr.io'], around);
    expect(stdout).toContain('GITHUB_TOKEN or GH_TOKEN: used, a password of user "octocat" from GITHUB_TOKEN\n');
    expect(stdout).not.toContain('ghs_secret');
  });

  it('says what is not installed, not logged in, or failed, and what to do', async () => {
    const around = await surroundings({ gh: 'echo "no oauth token found for github.com" >&2; exit 1' });
    const { stdout } = await explain(['ghcr.io'], around);
    expect(stdout).toContain('GITHUB_TOKEN is not set (Set GITHUB_TOKEN to a token with the scope read:packages)\n');
    expect(stdout).toContain('gh: gh has no login (Run: gh auth login --scopes read:packages)\n');
    const failing = await surroundings({ gh: 'echo "disk full" >&2; exit 2' });
    expect((await explain(['ghcr.io'], failing)).stdout).toContain(
      'gh: failed: gh failed: it ended with exit code 2: "disk full"',
    );
  });

  it('goes on behind a credential helper that fails', async () => {
    const around = await surroundings({ 'docker-credential-broken': 'exit 3' }, { GITHUB_TOKEN: 'token' });
    const file = await writeConfig(around, { credHelpers: { 'ghcr.io': 'broken' } });
    const { stdout, code } = await explain(['ghcr.io'], around);
    expect(code).toBe(0);
    expect(stdout).toContain(`${file}: failed: docker-credential-broken get ended with exit code 3`);
    expect(stdout).toContain('used, a password of user "unset" from GITHUB_TOKEN');
  });

  it('puts pull secrets, and what stands in front of the command, where they are asked', async () => {
    const around = await surroundings();
    const secret = join(around.home, '.dockerconfigjson');
    await writeFile(secret, JSON.stringify({ auths: { 'registry.example': auth('pod', 'secret') } }));
    const env = { ...around.env, CRANE_OCI_PULL_SECRETS: secret };
    const { stdout } = await explain(['registry.example'], { ...around, env });
    expect(stdout).toContain(`  1. pull secrets in ${secret}: used, a password of user "pod" from ${secret}\n`);
    const given = await craneInProcess(['-u', 'joe', '-p', 'hunter2', 'auth', 'explain', 'registry.example'], {
      ...around,
      env,
    });
    expect(given.stdout).toContain('  1. the command line: used, a password of user "joe" from the command line\n');
    expect(given.stdout).not.toContain('hunter2');
  });

  it('names the settings file alone where that says where credentials are', async () => {
    const around = await surroundings({}, { GITHUB_TOKEN: 'token' });
    const config = join(around.home, 'hosts.yaml');
    await writeFile(config, 'hosts:\n  ghcr.io:\n    credentials: anonymous\n');
    const { stdout, stderr } = await craneInProcess(['auth', 'explain', '--config', config, 'ghcr.io'], around);
    expect(stderr).toBe('');
    expect(stdout).toBe(
      `Credentials for ghcr.io are looked for in\n  1. ${config}: it has nothing for this\nThere are no credentials: ghcr.io is asked without.\n`,
    );
  });

  it('prints JSON', async () => {
    const around = await surroundings({ aws: 'echo the-password' });
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    onTestFinished(() => void vi.unstubAllEnvs());
    const name = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app';
    // The package of AWS may be installed here, and finds nothing.
    const { stdout } = await explain(['--json', name], around);
    const { registry, repository, sources } = JSON.parse(stdout) as {
      readonly registry: string;
      readonly repository: string;
      readonly sources: readonly { readonly name: string; readonly state: string }[];
    };
    expect([registry, repository]).toEqual(name.split(/\/(.*)/, 2));
    expect(sources.map(({ name: source }) => source).slice(-2)).toEqual(['@aws-sdk/client-ecr', 'aws']);
    expect(sources.every(({ state }) => ['used', 'nothing', 'missing', 'failed', 'not-asked'].includes(state))).toBe(
      true,
    );
    expect(stdout).not.toContain('the-password');
  });

  it('refuses what is no registry', async () => {
    const around = await surroundings();
    expect((await explain(['not a host'], around)).code).toBe(1);
    expect((await explain(['ghcr.io/team/app:v1'], around)).stderr).toContain('where a repository is meant');
  });
});
