import { tmpdir } from 'node:os';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { seeded } from '../../../test/quirks/client.ts';
import { profile, type ProfileName } from '../../../test/simulated-registry/profiles.ts';
import {
  simulateRegistry,
  type SimulatedRegistry,
  type SimulateOptions,
} from '../../../test/simulated-registry/simulate.ts';
import { useAwsEnvironment } from '../../../test/support/aws-environment.ts';
import { cloudPackage } from '../../../test/support/cloud-packages.ts';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { proxyServer } from '../../../test/support/proxy-server.ts';
import { describeWith } from '../../../test/support/requirements.ts';
import { scriptedServer, type ScriptedServer } from '../../../test/support/scripted-server.ts';

const [tagged, untagged] = [imageOf('tagged'), imageOf('untagged')];
const found = (name: string): readonly string[] =>
  [`${name}@${tagged.target.digest}\n${name}:v1\n`, `${name}@${untagged.target.digest}\n`].toSorted();

describe('a registry of Azure', () => {
  const host = 'team.azurecr.io';

  it('tells its manifests to ls and gc', async () => {
    await using place = await placeOf('acr', host);
    expect(await gcrane(place, 'ls', `${host}/app`)).toMatchObject({ code: 0, stdout: found(`${host}/app`).join('') });
    expect(await gcrane(place, 'ls', '-r', `${host}/app`)).toMatchObject({
      code: 0,
      stdout: [...found(`${host}/app`), ...found(`${host}/app/web`)].join(''),
    });
    const { stdout: json } = await gcrane(place, 'ls', '--json', `${host}/app`);
    expect(JSON.parse(json)).toMatchObject({ child: null, name: 'app', tags: ['v1'] });
    const lost = `${host}/app@${untagged.target.digest}\n`;
    expect(await gcrane(place, 'gc', `${host}/app`)).toMatchObject({ code: 0, stdout: lost });
    const flags = ['--delete', '--older-than', '1h'];
    expect(await gcrane(place, 'gc', ...flags, `${host}/app`)).toMatchObject({ code: 0, stdout: lost });
    expect(await gcrane(place, 'gc', `${host}/app`)).toMatchObject({ code: 0, stdout: '' });
  });

  it('that lets one only pull shows tags to ls, and says to gc which right is missing', async () => {
    await using place = await placeOf('acr', host, { tags: { azure: 'nobody' }, users: { joe: { password: 'x' } } });
    expect(await gcrane(place, 'ls', `${host}/app`)).toMatchObject({ code: 0, stdout: `${host}/app:v1\n` });
    const { code, stdout, stderr } = await gcrane(place, 'gc', `${host}/app`);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`Cannot tell which manifests of ${host}/app have no tag`);
    expect(stderr).toContain('metadata/read');
  });
});

describeWith([cloudPackage('@aws-sdk/client-ecr')], 'a registry of AWS', () => {
  const host = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
  let mayList: (repository: string) => boolean;
  let service: ScriptedServer;

  useAwsEnvironment();
  beforeEach(async () => {
    mayList = () => true;
    service = await scriptedServer(({ headers, body: asked }) => {
      const isList = String(headers['x-amz-target']).endsWith('.DescribeImages');
      const { repositoryName } = JSON.parse(asked.toString()) as { readonly repositoryName: string };
      const isRefused = !isList || !mayList(repositoryName);
      const body = isRefused
        ? { __type: 'AccessDeniedException', message: 'not allowed' }
        : {
            imageDetails: [
              { imageDigest: tagged.target.digest, imageTags: ['v1'], imagePushedAt: 0 },
              { imageDigest: untagged.target.digest, imagePushedAt: 0 },
            ],
          };
      const type = { 'content-type': 'application/x-amz-json-1.1' };
      return { status: isRefused ? 400 : 200, headers: type, body: JSON.stringify(body) };
    });
    onTestFinished(() => service[Symbol.asyncDispose]());
    vi.stubEnv('AWS_ENDPOINT_URL', service.origin);
  });

  it('is asked for tags, and AWS for manifests', async () => {
    await using place = await placeOf('ecr', host, { challenge: 'none' });
    expect(await gcrane(place, 'ls', `${host}/app`)).toMatchObject({ code: 0, stdout: found(`${host}/app`).join('') });
    const lost = `${host}/app@${untagged.target.digest}\n`;
    expect(await gcrane(place, 'gc', `${host}/app`)).toMatchObject({ code: 0, stdout: lost });
  });

  it('shows tags where AWS refuses, and gc says why it cannot tell', async () => {
    mayList = () => false;
    await using place = await placeOf('ecr', host, { challenge: 'none' });
    expect(await gcrane(place, 'ls', `${host}/app`)).toMatchObject({ code: 0, stdout: `${host}/app:v1\n` });
    const { code, stderr } = await gcrane(place, 'gc', `${host}/app`);
    expect(code).toBe(1);
    expect(stderr).toContain(`Cannot tell which manifests of ${host}/app have no tag: AWS refuses to list`);
    expect(stderr).toContain('ecr:DescribeImages');
  });

  it('is cleaned up as far as AWS tells with --keep-going, and without up to there', async () => {
    mayList = (repository) => repository !== 'app';
    await using place = await placeOf('ecr', host, { challenge: 'none' });
    expect(await gcrane(place, 'gc', '-r', `${host}/app`)).toMatchObject({ code: 1, stdout: '' });
    const { code, stdout, stderr } = await gcrane(place, 'gc', '-r', '--keep-going', `${host}/app`);
    expect([code, stdout]).toEqual([1, `${host}/app/web@${untagged.target.digest}\n`]);
    expect(stderr).toMatch(
      /not everything could be cleaned up; 1 failed:\n {2}Cannot tell which manifests of \S+\/app have/,
    );
  });
});

it.each([
  ['ghcr.io', 'ghcr', "GitHub's own API does"],
  ['public.ecr.aws', 'ecrPublic', 'AWS itself does'],
  ['index.docker.io', 'dockerhub', 'Docker Hub shows them on its web pages only'],
  ['quay.io', 'quay', 'The registries of Google, Azure and AWS do'],
] as const)('%s cannot be cleaned up, and what can be done is said', async (host, name, hint) => {
  await using place = await placeOf(name, host, { challenge: 'none', users: {} });
  expect(await gcrane(place, 'gc', `${host}/team/app`)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      new RegExp(`does not tell which manifests of ${host}/team/app have no tag\\n.*${hint}`),
    ) as string,
  });
});

interface Place extends AsyncDisposable {
  readonly registry: SimulatedRegistry;
  readonly proxy: string;
}

/** A registry that is reached by another name, through a proxy. */
async function placeOf(name: ProfileName, host: string, options: SimulateOptions = {}): Promise<Place> {
  const open = { pull: ['*'], push: ['*'], delete: ['*'] };
  const registry = await simulateRegistry({ ...profile(name), tls: true, anonymous: open, now: () => 0, ...options });
  for (const repository of ['app', 'app/web', 'team/app']) {
    await seeded(registry, tagged, 'v1', repository);
    const content = await registry.content(repository);
    for (const { target, bytes } of [...untagged.blobs, untagged]) await content.push(target, bytes);
  }
  const proxy = await proxyServer({ names: { [`${host}:443`]: registry.host } });
  return {
    registry,
    proxy: proxy.url,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await registry.close();
    },
  };
}

function gcrane({ proxy }: Place, ...args: readonly string[]): Promise<InProcessResult> {
  const env = { HTTPS_PROXY: proxy };
  return gcraneInProcess(['--insecure', ...args], { home: tmpdir(), env, now: 24 * 3600_000 });
}
