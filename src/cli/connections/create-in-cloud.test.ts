import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { blobOf, pushImage } from '../../../test/conformance/samples.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { type SimulatedRegistry, simulateRegistry } from '../../../test/simulated-registry/simulate.ts';
import { useAwsEnvironment } from '../../../test/support/aws-environment.ts';
import { cloudPackage } from '../../../test/support/cloud-packages.ts';
import { layeredImage } from '../../../test/support/sample-image.ts';
import { craneInProcess, gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { proxyServer } from '../../../test/support/proxy-server.ts';
import { describeWith } from '../../../test/support/requirements.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  scriptedServer,
} from '../../../test/support/scripted-server.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';

// demand-and-quirks reference, C1: ECR makes no repositories by a push.

const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const image = layeredImage('pushed');
let home = '';
let env: Record<string, string> = {};
let registry: SimulatedRegistry;

useAwsEnvironment();

describeWith([cloudPackage('@aws-sdk/client-ecr')], '--create-repository', () => {
  let service: ScriptedServer;
  let refusal: string | undefined;

  beforeEach(async () => {
    home = await testDirectory();
    registry = await simulateRegistry({
      ...profile('ecr'),
      redirectBlobs: undefined,
      tls: true,
      users: { AWS: { password: 'twelve-hours' } },
      anonymous: {},
      repositories: ['base'],
    });
    onTestFinished(() => registry.close());
    await pushImage(await registry.content('base'), image, 'v1');
    refusal = undefined;
    service = await ecrService(() => refusal);
    vi.stubEnv('AWS_ENDPOINT_URL', service.origin);
    const proxy = await proxyServer({ names: { [`${host}:443`]: registry.host } });
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    env = { HTTPS_PROXY: proxy.url };
  });

  it('creates what is missing at the first write, and the push goes on', async () => {
    const { code, stderr } = await crane('copy', '--create-repository', `${host}/base:v1`, `${host}/team/app:v1`);
    expect([code, stderr]).toEqual([0, expect.stringContaining(` Created the repository ${host}/team/app\n`)]);
    expect(created()).toEqual(['team/app']);
    expect(await (await registry.content('team/app')).resolve('v1')).toEqual(image.target);
  });

  it('creates nothing where nothing is missing', async () => {
    const { code } = await crane('copy', '--create-repository', `${host}/base:v1`, `${host}/base:v2`);
    expect([code, created()]).toEqual([0, []]);
  });

  it.each([
    ['mutate', ['mutate', `${host}/base:v1`, '--label', 'a=b', '-t', `${host}/team/mutated`]],
    ['append', ['append', '-b', `${host}/base:v1`, '-t', `${host}/team/appended`, '--dir', 'FILES:/opt']],
    ['index append', ['index', 'append', '-m', `${host}/base:v1`, '-t', `${host}/team/index`]],
    ['push', ['push', 'oci:LAYOUT', `${host}/team/pushed`]],
  ])('works with %s', async (_, args) => {
    await crane('copy', `${host}/base:v1`, `oci:${home}/layout:v1`);
    await mkdir(join(home, 'files'));
    await writeFile(join(home, 'files', 'a.txt'), 'a');
    const ready = args.map((arg) => arg.replace('LAYOUT', `${home}/layout:v1`).replace('FILES', `${home}/files`));
    const { code, stderr } = await crane('--create-repository', ...ready);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Created the repository')]);
    expect(created()).toHaveLength(1);
  });

  it('works with trees of repositories', async () => {
    const { code, stderr } = await gcrane('cp', '-r', '--create-repository', `${host}/base`, `${host}/copy`);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Created the repository')]);
    expect(created()).toEqual(['copy']);
  });

  it('can be set for a host', async () => {
    const file = join(home, 'config.yaml');
    await writeFile(file, `hosts: {"${host}": {createRepository: true}}`);
    const args = ['copy', `${host}/base:v1`, `${host}/team/app:v1`];
    expect(await crane('--config', file, ...args)).toMatchObject({ code: 0 });
    expect(created()).toEqual(['team/app']);
  });

  it('is named by the failure without it', async () => {
    const { code, stderr } = await crane('copy', `${host}/base:v1`, `${host}/team/app:v1`);
    expect([code, created()]).toEqual([1, []]);
    expect(stderr).toContain('NAME_UNKNOWN');
    expect(stderr).toContain('--create-repository');
  });

  it('that AWS refuses says why', async () => {
    refusal = 'AccessDeniedException';
    const { code, stderr } = await crane('copy', '--create-repository', `${host}/base:v1`, `${host}/team/app:v1`);
    expect(code).toBe(1);
    expect(stderr).toContain(`AWS refuses to create repository "team/app" of ${host}: "because"`);
    expect(stderr).toContain('ecr:CreateRepository');
  });

  /** Names that were to be created. */
  function created(): readonly string[] {
    return service.requests.flatMap(({ headers, body }) => (isCreation(headers) ? [nameIn(body)] : []));
  }
});

it('does nothing at registries that nobody can create repositories of', async () => {
  await using other = await simulateRegistry({ upload: { needRepo: 'NAME_UNKNOWN' }, repositories: ['base'] });
  await pushImage(await other.content('base'), image, 'v1');
  const args = ['copy', '--create-repository', `${other.host}/base:v1`, `${other.host}/app:v1`];
  const { code, stderr } = await craneInProcess(args, { home: '/nowhere' });
  expect([code, stderr]).toEqual([1, expect.stringContaining('NAME_UNKNOWN')]);
});

/** The API of ECR; what it creates is there at the registry. */
async function ecrService(refusal: () => string | undefined): Promise<ScriptedServer> {
  const running = await scriptedServer(({ headers, body }) => {
    if (String(headers['x-amz-target']).endsWith('.GetAuthorizationToken')) {
      const authorizationToken = Buffer.from('AWS:twelve-hours').toString('base64');
      const expiresAt = Math.floor(Date.now() / 1000) + 3600;
      return json(200, { authorizationData: [{ authorizationToken, expiresAt }] });
    }
    if (!isCreation(headers)) return json(400, { __type: 'AccessDeniedException', message: 'not allowed' });
    const type = refusal();
    if (type !== undefined) return json(400, { __type: type, message: 'because' });
    return (response) => {
      void create(nameIn(body)).then(() => {
        response.setHeader('content-type', 'application/x-amz-json-1.1').end('{"repository": {}}');
      });
    };
  });
  onTestFinished(() => running[Symbol.asyncDispose]());
  return running;
}

/** What is empty is not there, as the simulation has it. */
async function create(name: string): Promise<void> {
  const { target, bytes } = blobOf('the first thing');
  await (await registry.content(name)).push(target, bytes);
}

function json(status: number, body: object): ScriptedAnswer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
}

function isCreation(headers: ScriptedRequest['headers']): boolean {
  return headers['x-amz-target'] === 'AmazonEC2ContainerRegistry_V20150921.CreateRepository';
}

function nameIn(body: Buffer): string {
  return (JSON.parse(body.toString()) as { readonly repositoryName: string }).repositoryName;
}

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(['--insecure', ...args], { home, env });
}

async function gcrane(...args: readonly string[]): Promise<InProcessResult> {
  return gcraneInProcess(['--insecure', ...args], { home, env });
}
