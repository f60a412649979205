import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { cloudKeychain } from './cloud-keychain.ts';

const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const soon = new Date(Date.now() + 3600_000).toISOString();
const gcloudAnswer = (token: string): string =>
  `echo '{"credential": {"access_token": "${token}", "token_expiry": "${soon}"}}'`;

describe('gcloud', () => {
  it('gives the token of its login, as crane asks for it', async () => {
    const environment = await withPrograms({ gcloud: gcloudAnswer('ya29.token') });
    const { credential } = await askFor(cloudKeychain(environment), 'eu.gcr.io');
    expect(credential).toEqual({
      source: 'gcloud',
      username: '_token',
      password: 'ya29.token',
      expiresAt: Date.parse(soon) - 30_000,
    });
    expect(await readFile(join(environment.directory, 'gcloud.log'), 'utf8')).toBe(
      'config config-helper --force-auth-refresh --format=json(credential)\n',
    );
  });

  it('is asked once for all registries of Google, until its token expires', async () => {
    const environment = await withPrograms({ gcloud: gcloudAnswer('token') });
    let now = Date.now();
    const keychain = cloudKeychain({ ...environment, now: () => now });
    await Promise.all(['gcr.io', 'us.gcr.io', 'europe-docker.pkg.dev'].map((host) => askFor(keychain, host)));
    const calls = async (): Promise<number> =>
      (await readFile(join(environment.directory, 'gcloud.log'), 'utf8')).trim().split('\n').length;
    expect(await calls()).toBe(1);
    now += 3600_000;
    await askFor(keychain, 'gcr.io');
    expect(await calls()).toBe(2);
  });
});

describe('aws', () => {
  it('is asked for the password of the region in the name of the registry', async () => {
    const environment = await withPrograms({ aws: 'echo eyJwYXlsb2FkIjoi' });
    const keychain = cloudKeychain({ ...environment, now: () => 0 });
    expect((await askFor(keychain, ecr)).credential).toEqual({
      source: 'aws',
      username: 'AWS',
      password: 'eyJwYXlsb2FkIjoi',
      expiresAt: 12 * 3600_000 - 300_000,
    });
    await askFor(keychain, '123456789012.dkr-ecr.us-east-2.on.aws');
    await askFor(keychain, 'public.ecr.aws');
    expect(await readFile(join(environment.directory, 'aws.log'), 'utf8')).toBe(
      [
        'ecr get-login-password --region eu-west-1',
        'ecr get-login-password --region us-east-2',
        'ecr-public get-login-password --region us-east-1\n',
      ].join('\n'),
    );
  });
});

describe('gh', () => {
  it('gives the token of its login', async () => {
    const environment = await withPrograms({ gh: 'echo gho_token' }, { GITHUB_ACTOR: 'octocat' });
    const { credential } = await askFor(cloudKeychain(environment), 'ghcr.io');
    expect(credential).toEqual({ source: 'gh', username: 'octocat', password: 'gho_token' });
    expect(await readFile(join(environment.directory, 'gh.log'), 'utf8')).toBe('auth token --hostname github.com\n');
  });

  it('is not asked where GITHUB_TOKEN is set', async () => {
    const environment = await withPrograms({ gh: 'echo gho_token' }, { GH_TOKEN: 'second', GITHUB_TOKEN: 'first' });
    const { credential } = await askFor(cloudKeychain(environment), 'ghcr.io');
    expect(credential).toEqual({ source: 'GITHUB_TOKEN', username: 'unset', password: 'first' });
    await expect(readFile(join(environment.directory, 'gh.log'))).rejects.toThrow('ENOENT');
  });
});

describe.each([
  ['gcloud', 'gcr.io', 'You do not currently have an active account selected.', 'gcloud auth login'],
  [
    'aws',
    ecr,
    'Unable to locate credentials. You can configure credentials by running "aws configure".',
    'aws configure',
  ],
  ['az', 'team.azurecr.io', "ERROR: Please run 'az login' to setup account.", 'az login'],
  ['gh', 'ghcr.io', 'no oauth token found for github.com', 'gh auth login'],
])('%s', (program, registry, loggedOut, login) => {
  it('that nobody is logged in with is no failure, and the reason says how to', async () => {
    const keychain = cloudKeychain(
      await withPrograms({ [program]: `echo '${loggedOut.replaceAll("'", '')}' >&2; exit 1` }),
    );
    const { credential, missing, failure } = await askFor(keychain, registry);
    expect([credential, failure, missing.length]).toEqual([undefined, undefined, 1]);
    expect(missing[0]?.message).toContain(`${program} has no login`);
    expect(missing[0]?.hint).toContain(login);
  });

  it('whose login has expired says so, and how to renew it', async () => {
    const said = `The refresh token has expired. Run: ${login}. ${loggedOut}`;
    const keychain = cloudKeychain(await withPrograms({ [program]: `echo '${said.replaceAll("'", '')}' >&2; exit 1` }));
    const { missing, failure } = await askFor(keychain, registry);
    expect(failure).toBe(undefined);
    expect(missing[0]?.message).toContain(`${program} has a login that is not valid any more`);
    expect(missing[0]?.hint).toContain(login);
  });

  it('that is not installed is no failure, and the reason names it', async () => {
    const { credential, missing, failure } = await askFor(cloudKeychain(await withPrograms({})), registry);
    expect([credential, failure, missing.length]).toEqual([undefined, undefined, 1]);
    expect(missing[0]?.message).toContain(`the program ${program} is not installed`);
  });

  it('that fails is told with what it said, without what may be a secret', async () => {
    const secret = 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12';
    const script = `echo '${secret}'; echo 'the network is down, ${secret}' >&2; exit 3`;
    const { failure } = await askFor(cloudKeychain(await withPrograms({ [program]: script })), registry);
    expect(failure).toMatchObject({
      code: 'CREDENTIALS',
      message: `${program} failed: it ended with exit code 3: "the network is down, …"`,
    });
    expect(failure?.cause).toBe(undefined);
  });

  it.each([
    'echo "a secret, not for logs"',
    'echo',
    'echo \'{"accessToken": 1, "credential": {}}\'',
    "printf '\\000\\377'",
  ])('that prints rubbish is told without it (%s)', async (script) => {
    const { failure, credential } = await askFor(cloudKeychain(await withPrograms({ [program]: script })), registry);
    expect(credential).toBe(undefined);
    expect(failure?.message).toMatch(
      new RegExp(
        `^${program} failed: (?:it printed nothing|what it printed is no (?:JSON(?: object)?|token)|its answer has no \\w+)$`,
      ),
    );
  });

  it('that hangs is ended after the time limit', async () => {
    const environment = { ...(await withPrograms({ [program]: 'sleep 50' })), timeLimit: 200 };
    const { failure } = await askFor(cloudKeychain(environment), registry);
    expect(failure?.message).toBe(`${program} failed: it was ended without an answer, after 0.2 seconds at most`);
  });

  it('is ended when the caller gives up', async () => {
    const keychain = cloudKeychain(await withPrograms({ [program]: 'sleep 50' }));
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(askFor(keychain, registry, abort.signal)).rejects.toThrow('enough');
  });

  it('is asked once while there is nothing to be had, and again a minute later', async () => {
    let now = 0;
    const environment = await withPrograms({ [program]: 'exit 9' });
    const keychain = cloudKeychain({ ...environment, now: () => now });
    for (const at of [0, 1000, 59_000, 61_000]) {
      now = at;
      expect((await askFor(keychain, registry)).failure?.message).toContain('exit code 9');
    }
    const log = await readFile(join(environment.directory, `${program}.log`), 'utf8');
    expect(log.trim().split('\n')).toHaveLength(2);
  });
});

it.each([
  'localhost:5000',
  'index.docker.io',
  'gcr.io:8443',
  'notgcr.io',
  'gcr.io.example.com',
  'example.com',
  'ghcr.io:5000',
])('nothing is asked for %s', async (registry) => {
  const run = (): never => {
    throw new Error('a program was run');
  };
  const environment = { ...(await withPrograms({})), run, importPackage: run };
  expect(await askFor(cloudKeychain(environment), registry)).toEqual({ credential: undefined, missing: [] });
});
