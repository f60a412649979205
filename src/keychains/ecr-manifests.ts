import { isOciError, OciError, quoted } from '../errors.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isTag, type Repository } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { ecrHostOf } from '../remote/auth/cloud-hosts.ts';
import type { RepositoryListing } from '../remote/listing/list-repository.ts';
import type { ListedManifest } from '../remote/listing/repository-page.ts';
import { awsLoggedOut, awsLogin, type EcrPackage, lacksAwsLogin, packageOf, regionOf, sendToEcr } from './aws.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { limited, loadPackage } from './cloud-package.ts';
import { failedProgram, jsonObject, runCloudProgram } from './cloud-program.ts';
import { failed, saidBy } from './failure-words.ts';

/**
 * All manifests of a repository of a private registry of AWS, tagged or not: AWS tells them, and not the registry itself. Through
 * the package @aws-sdk/client-ecr, else with the `aws` program; both ask for `ecr:DescribeImages`.
 *
 * @throws {OciError} `NOT_FOUND` for a repository that is not there; `DENIED`; `CREDENTIALS` when AWS cannot be asked;
 *   `LIMIT_EXCEEDED`
 */
export async function listEcrRepository(
  repository: Repository,
  { signal, ...environment }: CloudEnvironment & CallOptions,
): Promise<RepositoryListing> {
  const request = { repository, environment, signal };
  const loaded = (await loadPackage(packageOf('ecr'), environment)) as EcrPackage | undefined;
  let pages = loaded === undefined ? undefined : await collectPages(packagePages(loaded, request), repository);
  pages ??= await collectPages(programPages(request), repository);
  if (pages !== undefined) return listingOf(repository, pages);
  throw new OciError(
    'CREDENTIALS',
    `The manifests of ${shown(repository)} cannot be listed: there is no login for AWS`,
    {
      hint: `Log in to AWS, with the package ${packageOf('ecr')} (npm install ${packageOf('ecr')}) or the AWS CLI installed`,
    },
  );
}

interface Request extends CallOptions {
  readonly repository: Repository;
  readonly environment: CloudEnvironment;
}

/** As AWS answers: an object with `imageDetails`. `undefined` where there is no login. */
type Pages = AsyncGenerator<Readonly<Record<string, unknown>> | undefined, void>;

/** A repository of AWS has 20,000 images by default, and more when somebody asks for it. */
const maxManifests = 1_000_000;
/** AWS takes no more for one page, and a program may not write more than a MiB. */
const [pageSize, programPageSize] = [1000, 500];

async function collectPages(pages: Pages, repository: Repository): Promise<readonly ListedManifest[] | undefined> {
  const manifests: ListedManifest[] = [];
  for await (const page of pages) {
    if (page === undefined) return undefined;
    const details: unknown = page['imageDetails'];
    if (!Array.isArray(details)) throw failed('AWS', 'its answer has no list of images');
    const found = details.flatMap(manifestOf);
    for (const manifest of found) manifests.push(manifest);
    // A page without anything new would come again and again.
    if (manifests.length <= maxManifests && (found.length > 0 || nextOf(page) === undefined)) continue;
    throw new OciError('LIMIT_EXCEEDED', `The list of the manifests of ${shown(repository)} does not end`);
  }
  return manifests;
}

async function* packagePages(loaded: EcrPackage, { repository, environment, signal }: Request): Pages {
  const { DescribeImagesCommand } = loaded;
  const name = packageOf('ecr');
  if (DescribeImagesCommand === undefined) throw failed(name, 'it cannot list images', 'Update the package');
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const command = new DescribeImagesCommand({
      repositoryName: repository.repository,
      registryId: ecrHostOf(repository.registry)?.account,
      maxResults: pageSize,
      nextToken: token,
    });
    try {
      const page = await limited(name, environment, signal, (inner) =>
        sendToEcr(loaded, repository.registry, command, inner),
      );
      yield page;
      token = nextOf(page);
    } catch (error) {
      signal?.throwIfAborted();
      if (isOciError(error)) throw error;
      if (!lacksAwsLogin(error))
        throw refused(error instanceof Error ? error.name : '', repository, error) ?? failed(name, saidBy(error));
      yield undefined;
      return;
    }
  }
}

async function* programPages({ repository, environment, signal }: Request): Pages {
  const account = ecrHostOf(repository.registry)?.account;
  const fixed = ['--output', 'json', '--region', regionOf(repository.registry), '--max-items', String(programPageSize)];
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const args = [
      'ecr',
      'describe-images',
      ...fixed,
      ...(account === undefined ? [] : ['--registry-id', account]),
      '--repository-name',
      repository.repository,
      ...(token === undefined ? [] : ['--starting-token', token]),
    ];
    const result = await runCloudProgram('aws', args, environment, signal);
    if (result === undefined || awsLoggedOut.test(result.stderr)) {
      yield undefined;
      return;
    }
    if (result.exitCode !== 0) {
      throw refused(result.stderr, repository, result.stderr) ?? failedProgram('aws', result, awsLogin);
    }
    const page = pageOf(result.stdout);
    yield page;
    token = nextOf(page);
  }
}

function pageOf(stdout: string): Readonly<Record<string, unknown>> {
  try {
    return jsonObject(stdout);
  } catch (error) {
    if (error instanceof TypeError) throw failed('aws', error.message);
    throw error;
  }
}

function nextOf(page: Readonly<Record<string, unknown>>): string | undefined {
  const token = page['nextToken'] ?? page['NextToken'];
  return typeof token === 'string' && token !== '' ? token : undefined;
}

/** What AWS says of a repository or of rights, by the name of its error. */
function refused(kind: string, repository: Repository, words: unknown): OciError | undefined {
  if (kind.includes('RepositoryNotFoundException')) {
    return new OciError('NOT_FOUND', `There is no ${shown(repository)}`);
  }
  if (!kind.includes('AccessDeniedException')) return undefined;
  return new OciError('DENIED', `AWS refuses to list the manifests of ${shown(repository)}: ${saidBy(words)}`, {
    hint: 'Ask for the right ecr:DescribeImages',
  });
}

function manifestOf(entry: unknown): readonly ListedManifest[] {
  const fields = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>;
  const { imageDigest, imageManifestMediaType: type, imageSizeInBytes: size, imagePushedAt, imageTags } = fields;
  if (typeof imageDigest !== 'string' || !isDigest(imageDigest)) return [];
  const tags: readonly unknown[] = Array.isArray(imageTags) ? imageTags : [];
  return [
    {
      digest: imageDigest,
      mediaType: typeof type === 'string' && /^[\x21-\x7e]{1,255}$/.test(type) ? type : '',
      imageSize: Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : undefined,
      uploaded: timeOf(imagePushedAt),
      tags: tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag)),
    },
  ];
}

/** A date of the package, text of the program's second version, seconds of its first. */
function timeOf(value: unknown): number | undefined {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'number'
        ? Math.round(value * 1000)
        : typeof value === 'string' && value.length < 64
          ? Date.parse(value)
          : NaN;
  return Number.isSafeInteger(time) ? time : undefined;
}

function listingOf({ repository }: Repository, found: readonly ListedManifest[]): RepositoryListing {
  const sorted = found.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return {
    name: repository,
    listsManifests: true,
    listsChildren: false,
    children: [],
    tags: found.flatMap(({ tags }) => tags).toSorted(),
    manifests: new Map<Digest, ListedManifest>(sorted.map((manifest) => [manifest.digest, manifest])),
  };
}

function shown({ registry, repository }: Repository): string {
  return `repository ${quoted(repository)} of ${registry}`;
}
