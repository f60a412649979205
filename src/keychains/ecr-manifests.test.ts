import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { useAwsEnvironment } from '../../test/support/aws-environment.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import { type ScriptedAnswer, scriptedServer, type ScriptedServer } from '../../test/support/scripted-server.ts';
import { parseRepository } from '../oci/reference.ts';
import { listEcrRepository } from './ecr-manifests.ts';

const repository = parseRepository('123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app');
const [a, b] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
const tagged = {
  imageDigest: a,
  imageTags: ['v1', '../up', 'latest'],
  imageSizeInBytes: 1234,
  imageManifestMediaType: 'application/vnd.oci.image.manifest.v1+json',
};
const expected = {
  name: 'team/app',
  listsManifests: true,
  tags: ['latest', 'v1'],
  manifests: new Map([
    [
      a,
      {
        digest: a,
        mediaType: tagged.imageManifestMediaType,
        imageSize: 1234,
        uploaded: 1_700_000_000_000,
        tags: ['v1', 'latest'],
      },
    ],
    [b, { digest: b, mediaType: '', imageSize: undefined, uploaded: undefined, tags: [] }],
  ]),
};

describe('with the aws program', () => {
  it('manifests are listed page by page, tagged or not', async () => {
    const first = { imageDetails: [{ ...tagged, imagePushedAt: '2023-11-14T23:13:20+01:00' }], NextToken: 'more' };
    const second = { imageDetails: [{ imageDigest: b }, { imageDigest: 'nonsense' }, null] };
    const environment = await withPrograms({
      aws: `case "$*" in *--starting-token*) echo '${JSON.stringify(second)}';; *) echo '${JSON.stringify(first)}';; esac`,
    });
    expect(await listEcrRepository(repository, environment)).toMatchObject(expected);
    const asked =
      'ecr describe-images --output json --region eu-west-1 --max-items 500 --registry-id 123456789012 --repository-name team/app';
    expect(await readFile(join(environment.directory, 'aws.log'), 'utf8')).toBe(
      `${asked}\n${asked} --starting-token more\n`,
    );
  });

  it.each([
    ['RepositoryNotFoundException', 'NOT_FOUND'],
    ['AccessDeniedException', 'DENIED'],
    ['ServerException', 'CREDENTIALS'],
    ['Unable to locate credentials', 'CREDENTIALS'],
  ])('%s means %s', async (words, code) => {
    const environment = await withPrograms({ aws: `echo 'An error occurred (${words})' >&2; exit 254` });
    await expect(listEcrRepository(repository, environment)).rejects.toMatchObject({ code });
  });

  it.each([
    ['a list that does not end', `echo '{"imageDetails":[],"NextToken":"again"}'`, 'LIMIT_EXCEEDED'],
    ['rubbish', 'echo rubbish', 'CREDENTIALS'],
    ['an answer to something else', "echo '{}'", 'CREDENTIALS'],
  ])('%s is an error', async (_, aws, code) => {
    await expect(listEcrRepository(repository, await withPrograms({ aws }))).rejects.toMatchObject({ code });
  });

  it('and without it the error names what to install', async () => {
    await expect(listEcrRepository(repository, await withPrograms({}))).rejects.toMatchObject({
      code: 'CREDENTIALS',
      hint: expect.stringContaining('npm install @aws-sdk/client-ecr') as string,
    });
  });
});

describeWith([cloudPackage('@aws-sdk/client-ecr')], 'with the package', () => {
  useAwsEnvironment();

  async function ecrThatSays(...answers: readonly (readonly [number, object])[]): Promise<ScriptedServer> {
    let count = 0;
    const running = await scriptedServer((): ScriptedAnswer => {
      const [status, body] = answers[Math.min(count++, answers.length - 1)] ?? [500, {}];
      return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
    });
    onTestFinished(() => running[Symbol.asyncDispose]());
    vi.stubEnv('AWS_ENDPOINT_URL', running.origin);
    return running;
  }

  it('manifests are listed page by page, tagged or not', async () => {
    const server = await ecrThatSays(
      [200, { imageDetails: [{ ...tagged, imagePushedAt: 1_700_000_000 }], nextToken: 'more' }],
      [200, { imageDetails: [{ imageDigest: b }] }],
    );
    const environment = { ...(await withPrograms({})), importPackage: undefined };
    expect(await listEcrRepository(repository, environment)).toMatchObject(expected);
    expect(server.requests.map(({ headers }) => headers['x-amz-target'])).toEqual([
      'AmazonEC2ContainerRegistry_V20150921.DescribeImages',
      'AmazonEC2ContainerRegistry_V20150921.DescribeImages',
    ]);
    expect(server.requests.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      { registryId: '123456789012', repositoryName: 'team/app', maxResults: 1000 },
      { registryId: '123456789012', repositoryName: 'team/app', maxResults: 1000, nextToken: 'more' },
    ]);
  });

  it.each([
    ['RepositoryNotFoundException', 'NOT_FOUND'],
    ['AccessDeniedException', 'DENIED'],
  ])('%s means %s', async (kind, code) => {
    await ecrThatSays([400, { __type: kind, message: 'because' }]);
    const environment = { ...(await withPrograms({})), importPackage: undefined };
    await expect(listEcrRepository(repository, environment)).rejects.toMatchObject({ code });
  });
});
