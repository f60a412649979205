import { isOciError, OciError, quoted } from '../errors.ts';
import type { Repository } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { cloudOf, ecrHostOf } from '../remote/auth/cloud-hosts.ts';
import {
  awsLoggedOut,
  awsLogin,
  type EcrPackage,
  type EcrService,
  lacksAwsLogin,
  packageOf,
  regionOf,
  sendToEcr,
} from './aws.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { limited, loadPackage } from './cloud-package.ts';
import { failedProgram, runCloudProgram } from './cloud-program.ts';
import { failed, saidBy } from './failure-words.ts';

/** What became of a repository that was to be made. */
export type RepositoryCreation =
  | 'created'
  /** It was there. */
  | 'exists'
  /** Its registry needs no such thing, or it is not known how. */
  | 'not-needed';

/**
 * Makes the repository of an image that is going to be pushed, at registries that do not do so by themselves: AWS's, private
 * and public. Its settings are the defaults of the account. To be called before the push, or when it failed with `NOT_FOUND`.
 *
 * @throws {OciError} `CREDENTIALS` when AWS cannot be asked; `DENIED` when it refuses
 */
export async function createMissingRepository(
  repository: Repository,
  { signal, ...environment }: CloudEnvironment & CallOptions,
): Promise<RepositoryCreation> {
  const service = cloudOf(repository.registry);
  if (service !== 'ecr' && service !== 'ecr-public') return 'not-needed';
  const request = { repository, service, environment, signal };
  const loaded = await loadPackage(packageOf(service), environment);
  const byPackage = loaded === undefined ? undefined : await createWithPackage(loaded as EcrPackage, request);
  const created = byPackage ?? (await createWithProgram(request));
  if (created !== undefined) return created;
  throw new OciError('CREDENTIALS', `${shown(repository)} cannot be created: there is no login for AWS`, {
    hint: `Log in to AWS, with the package ${packageOf(service)} (npm install ${packageOf(service)}) or the AWS CLI installed`,
  });
}

interface Request {
  readonly repository: Repository;
  readonly service: EcrService;
  readonly environment: CloudEnvironment;
  readonly signal: AbortSignal | undefined;
}

/** `undefined` where there is no login. */
async function createWithPackage(
  loaded: EcrPackage,
  { repository, service, environment, signal }: Request,
): Promise<RepositoryCreation | undefined> {
  const name = packageOf(service);
  const account = ecrHostOf(repository.registry)?.account;
  const command = new loaded.CreateRepositoryCommand({
    repositoryName: nameIn(service, repository),
    ...(account === undefined ? {} : { registryId: account }),
  });
  try {
    await limited(name, environment, signal, (inner) => sendToEcr(loaded, repository.registry, command, inner));
    return 'created';
  } catch (error) {
    signal?.throwIfAborted();
    if (isOciError(error)) throw error;
    if (lacksAwsLogin(error)) return undefined;
    const kind = error instanceof Error ? error.name : '';
    if (kind === 'RepositoryAlreadyExistsException') return 'exists';
    if (kind === 'AccessDeniedException') throw denied(repository, saidBy(error));
    throw failed(name, saidBy(error));
  }
}

/** `undefined` where there is no program or no login. */
async function createWithProgram({
  repository,
  service,
  environment,
  signal,
}: Request): Promise<RepositoryCreation | undefined> {
  const account = ecrHostOf(repository.registry)?.account;
  const args = [
    service,
    'create-repository',
    '--region',
    regionOf(repository.registry),
    ...(account === undefined ? [] : ['--registry-id', account]),
    '--repository-name',
    nameIn(service, repository),
  ];
  const result = await runCloudProgram('aws', args, environment, signal);
  if (result === undefined || awsLoggedOut.test(result.stderr)) return undefined;
  if (result.exitCode === 0) return 'created';
  if (result.stderr.includes('RepositoryAlreadyExistsException')) return 'exists';
  if (result.stderr.includes('AccessDeniedException')) throw denied(repository, saidBy(result.stderr));
  throw failedProgram('aws', result, awsLogin);
}

/** Public repositories are named `ALIAS/NAME`, and made without the alias, which is the account's. */
function nameIn(service: EcrService, { repository }: Repository): string {
  return service === 'ecr' ? repository : repository.slice(repository.indexOf('/') + 1);
}

function denied(repository: Repository, words: string): OciError {
  return new OciError('DENIED', `AWS refuses to create ${shown(repository)}: ${words}`, {
    hint: 'Ask for the right ecr:CreateRepository, or have the repository created',
  });
}

function shown({ registry, repository }: Repository): string {
  return `repository ${quoted(repository)} of ${registry}`;
}
