import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { useAwsEnvironment } from '../../test/support/aws-environment.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import { type ScriptedServer, scriptedServer } from '../../test/support/scripted-server.ts';
import { parseRepository } from '../oci/reference.ts';
import { createMissingRepository } from './ecr-repository.ts';

const repository = parseRepository('123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app');

it('a repository is made by nobody where the registry does that by itself', async () => {
  const environment = await withPrograms({ aws: 'exit 1' });
  for (const name of ['localhost:5000/app', 'gcr.io/project/app', 'team.azurecr.io/app']) {
    expect(await createMissingRepository(parseRepository(name), environment)).toBe('not-needed');
  }
});

describe('with the aws program', () => {
  it('it is made in its registry, by its name', async () => {
    const environment = await withPrograms({ aws: "echo '{}'" });
    expect(await createMissingRepository(repository, environment)).toBe('created');
    expect(await createMissingRepository(parseRepository('public.ecr.aws/alias/team/app'), environment)).toBe(
      'created',
    );
    expect(await readFile(join(environment.directory, 'aws.log'), 'utf8')).toBe(
      [
        'ecr create-repository --region eu-west-1 --registry-id 123456789012 --repository-name team/app',
        'ecr-public create-repository --region us-east-1 --repository-name team/app\n',
      ].join('\n'),
    );
  });

  it.each([
    ['RepositoryAlreadyExistsException', 'exists'],
    ['AccessDeniedException', 'DENIED'],
    ['ServerException', 'CREDENTIALS'],
    ['Unable to locate credentials', 'CREDENTIALS'],
  ])('%s means %s', async (words, meaning) => {
    const environment = await withPrograms({ aws: `echo 'An error occurred (${words})' >&2; exit 254` });
    const result = await createMissingRepository(repository, environment).catch(
      (error: unknown) => (error as { readonly code: string }).code,
    );
    expect(result).toBe(meaning);
  });

  it('and without it the error names what to install', async () => {
    await expect(createMissingRepository(repository, await withPrograms({}))).rejects.toMatchObject({
      code: 'CREDENTIALS',
      hint: expect.stringContaining('npm install @aws-sdk/client-ecr'),
    });
  });
});

describeWith([cloudPackage('@aws-sdk/client-ecr')], 'with the package', () => {
  useAwsEnvironment();

  async function ecrThatSays(error?: string): Promise<ScriptedServer> {
    const running = await scriptedServer(() => ({
      status: error === undefined ? 200 : 400,
      headers: { 'content-type': 'application/x-amz-json-1.1' },
      body: JSON.stringify(error === undefined ? { repository: {} } : { __type: error, message: 'because' }),
    }));
    onTestFinished(() => running[Symbol.asyncDispose]());
    vi.stubEnv('AWS_ENDPOINT_URL', running.origin);
    return running;
  }

  it('it is made in its registry, by its name', async () => {
    const server = await ecrThatSays();
    const environment = { ...(await withPrograms({})), importPackage: undefined };
    expect(await createMissingRepository(repository, environment)).toBe('created');
    expect(server.requests[0]?.headers['x-amz-target']).toBe('AmazonEC2ContainerRegistry_V20150921.CreateRepository');
    expect(JSON.parse(server.requests[0]?.body.toString() ?? '')).toEqual({
      registryId: '123456789012',
      repositoryName: 'team/app',
    });
  });

  it('and one that is there is left as it is', async () => {
    await ecrThatSays('RepositoryAlreadyExistsException');
    const environment = { ...(await withPrograms({})), importPackage: undefined };
    expect(await createMissingRepository(repository, environment)).toBe('exists');
  });

  it('and a refusal says why', async () => {
    await ecrThatSays('AccessDeniedException');
    const environment = { ...(await withPrograms({})), importPackage: undefined };
    await expect(createMissingRepository(repository, environment)).rejects.toMatchObject({
      code: 'DENIED',
      message: 'AWS refuses to create repository "team/app" of 123456789012.dkr.ecr.eu-west-1.amazonaws.com: "because"',
    });
  });
});
