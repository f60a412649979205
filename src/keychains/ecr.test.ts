import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  scriptedServer,
} from '../../test/support/scripted-server.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { ecrKeychain } from './ecr.ts';

const registry = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const end = Math.floor(Date.now() / 1000) + 12 * 3600;
const authorization = Buffer.from('AWS:the-password').toString('base64');

/** The package looks into the environment of the process, and the user's directory, by itself. */
beforeEach(async () => {
  const home = await testDirectory();
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', home);
  vi.stubEnv('AWS_CONFIG_FILE', join(home, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(home, 'credentials'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
});
afterEach(() => vi.unstubAllEnvs());

function json(body: object): ScriptedAnswer {
  return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
}

/** The API of ECR, and before it whatever gives credentials. */
async function aws(
  script: (request: ScriptedRequest) => ScriptedAnswer | undefined = () => undefined,
): Promise<ScriptedServer> {
  const running = await scriptedServer((request) => {
    const own = script(request);
    if (own !== undefined) return own;
    const target = String(request.headers['x-amz-target']);
    const data = { authorizationToken: authorization, expiresAt: end };
    if (target.startsWith('AmazonEC2ContainerRegistry_')) return json({ authorizationData: [data] });
    return target.startsWith('SpencerFrontendService') ? json({ authorizationData: data }) : { status: 404 };
  });
  onTestFinished(() => running[Symbol.asyncDispose]());
  vi.stubEnv('AWS_ENDPOINT_URL', running.origin);
  return running;
}

async function surroundings(programs: Readonly<Record<string, string>> = {}): Promise<CloudEnvironment> {
  return { ...(await withPrograms(programs)), importPackage: undefined };
}

/** Who signed the last request. */
function signer({ requests }: ScriptedServer): string | undefined {
  return /Credential=([^,]+)/.exec(String(requests.at(-1)?.headers.authorization))?.[1];
}

describeWith([cloudPackage('@aws-sdk/client-ecr')], 'AWS by its package', () => {
  it('gives a password for keys in the environment, signed for the region in the name', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    const server = await aws();
    const { credential, failure } = await askFor(ecrKeychain(await surroundings()), registry);
    expect(failure).toBe(undefined);
    expect(credential).toEqual({
      source: '@aws-sdk/client-ecr',
      username: 'AWS',
      password: 'the-password',
      expiresAt: end * 1000 - 300_000,
    });
    expect(signer(server)).toMatch(/^AKIAENVIRONMENT\/\d{8}\/eu-west-1\/ecr\/aws4_request$/);
  });

  it('asks once for a registry, however many repositories want to know', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    const server = await aws();
    const keychain = ecrKeychain(await surroundings());
    await Promise.all([askFor(keychain, registry), askFor(keychain, registry)]);
    await askFor(keychain, registry);
    expect(server.log).toHaveLength(1);
  });

  it('takes the keys of a profile', async () => {
    vi.stubEnv('AWS_PROFILE', 'work');
    await writeFile(
      String(process.env['AWS_SHARED_CREDENTIALS_FILE']),
      `[work]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = ${secret}\n`,
    );
    const server = await aws();
    expect((await askFor(ecrKeychain(await surroundings()), registry)).credential?.username).toBe('AWS');
    expect(signer(server)).toMatch(/^AKIAPROFILE/);
  });

  it('takes a login of SSO from its cache', async () => {
    vi.stubEnv('AWS_PROFILE', 'sso');
    await writeFile(
      String(process.env['AWS_CONFIG_FILE']),
      '[profile sso]\nsso_start_url = https://start.example\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = reader\n',
    );
    const cache = join(String(process.env['HOME']), '.aws', 'sso', 'cache');
    await mkdir(cache, { recursive: true });
    const { createHash } = await import('node:crypto');
    const login = { accessToken: 'sso-token', expiresAt: new Date(end * 1000).toISOString(), region: 'eu-west-1' };
    const name = createHash('sha1').update('https://start.example').digest('hex');
    await writeFile(join(cache, `${name}.json`), JSON.stringify(login));
    const server = await aws(({ url }) =>
      url.pathname === '/federation/credentials'
        ? json({
            roleCredentials: {
              accessKeyId: 'ASIASSO',
              secretAccessKey: secret,
              sessionToken: 'session',
              expiration: end * 1000,
            },
          })
        : undefined,
    );
    const { credential, failure } = await askFor(ecrKeychain(await surroundings()), registry);
    expect([credential?.password, failure]).toEqual(['the-password', undefined]);
    expect(signer(server)).toMatch(/^ASIASSO/);
  });

  it('tells of a login of SSO that has expired, and how to renew it', async () => {
    vi.stubEnv('AWS_PROFILE', 'sso');
    await writeFile(
      String(process.env['AWS_CONFIG_FILE']),
      '[profile sso]\nsso_start_url = https://start.example\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = reader\n',
    );
    const { failure } = await askFor(ecrKeychain(await surroundings()), registry);
    expect(failure?.message).toMatch(/^@aws-sdk\/client-ecr failed: .*SSO session.*aws sso login/);
  });

  it('exchanges the web identity of a pod', async () => {
    const file = join(await testDirectory(), 'token');
    await writeFile(file, 'web-identity');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', file);
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/pod');
    const server = await aws(({ body }) =>
      body.toString().includes('Action=AssumeRoleWithWebIdentity')
        ? {
            status: 200,
            headers: { 'content-type': 'text/xml' },
            body: `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAPOD</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${new Date(end * 1000).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
          }
        : undefined,
    );
    const { credential, failure } = await askFor(ecrKeychain(await surroundings()), registry);
    expect([credential?.password, failure]).toEqual(['the-password', undefined]);
    expect(server.requests[0]?.body.toString()).toContain('WebIdentityToken=web-identity');
    expect(signer(server)).toMatch(/^ASIAPOD/);
  });

  it('asks for the role of a container', async () => {
    const server = await aws(({ url }) =>
      url.pathname === '/role'
        ? json({
            AccessKeyId: 'ASIACONTAINER',
            SecretAccessKey: secret,
            Token: 'session',
            Expiration: new Date(end * 1000).toISOString(),
          })
        : undefined,
    );
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${server.origin}/role`);
    expect((await askFor(ecrKeychain(await surroundings()), registry)).credential?.username).toBe('AWS');
    expect(signer(server)).toMatch(/^ASIACONTAINER/);
  });

  it('asks for the role of an instance', async () => {
    const server = await aws(({ url, method }) => {
      if (method === 'PUT' && url.pathname === '/latest/api/token') return { status: 200, body: 'imds-token' };
      if (url.pathname.endsWith('/security-credentials/')) return { status: 200, body: 'instance-role' };
      if (!url.pathname.endsWith('/instance-role')) return undefined;
      return json({
        Code: 'Success',
        AccessKeyId: 'ASIAINSTANCE',
        SecretAccessKey: secret,
        Token: 'session',
        Expiration: new Date(end * 1000).toISOString(),
      });
    });
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', undefined);
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', server.origin);
    expect((await askFor(ecrKeychain(await surroundings()), registry)).credential?.username).toBe('AWS');
    expect(signer(server)).toMatch(/^ASIAINSTANCE/);
  });

  it('without a login leaves it to the aws program, and tells both where that has none', async () => {
    await aws();
    const program = await surroundings({ aws: 'echo the-cli-password' });
    expect((await askFor(ecrKeychain(program), registry)).credential).toMatchObject({
      source: 'aws',
      password: 'the-cli-password',
    });
    const { missing } = await askFor(ecrKeychain(await surroundings()), registry);
    expect(missing.map(({ message }) => message)).toEqual([
      'No credentials of AWS were found: @aws-sdk/client-ecr found no credentials; the program aws is not installed',
    ]);
  });

  it('tells why AWS refuses, without the keys', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXPIRED');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    const message = `The security token included in the request is expired (${secret})`;
    await aws(() => ({
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.1' },
      body: JSON.stringify({ __type: 'ExpiredTokenException', message }),
    }));
    const { failure } = await askFor(ecrKeychain(await surroundings()), registry);
    expect(failure?.message).toBe(
      '@aws-sdk/client-ecr failed: "The security token included in the request is expired (…)"',
    );
    expect(failure?.cause).toBe(undefined);
  });

  it.each([{}, { authorizationData: [] }, { authorizationData: [{ authorizationToken: 'bm90aGluZw==' }] }])(
    'takes no answer without a password (%j)',
    async (answer) => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
      await aws(() => json(answer));
      const { failure } = await askFor(ecrKeychain(await surroundings()), registry);
      expect(failure?.message).toBe('@aws-sdk/client-ecr failed: "the answer has no authorization token"');
    },
  );

  it('that does not answer is given up after the time limit', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    await aws(() => () => {});
    const { failure } = await askFor(ecrKeychain({ ...(await surroundings()), timeLimit: 300 }), registry);
    expect(failure?.message).toBe('@aws-sdk/client-ecr failed: it gave no answer within 0.3 seconds');
  });
});

describeWith([cloudPackage('@aws-sdk/client-ecr-public')], 'the public registry of AWS by its package', () => {
  it('gives a token from the one region that has them', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    const server = await aws();
    const { credential } = await askFor(ecrKeychain(await surroundings()), 'public.ecr.aws');
    expect(credential).toMatchObject({
      source: '@aws-sdk/client-ecr-public',
      username: 'AWS',
      password: 'the-password',
    });
    expect(signer(server)).toMatch(/\/us-east-1\/ecr-public\/aws4_request$/);
  });
});
