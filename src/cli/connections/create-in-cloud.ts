import type { CloudEnvironment } from '../../keychains/cloud-environment.ts';
import { formatRepository, type Repository } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import type { Log } from '../log.ts';

/** Makes a repository at a cloud that wants them made, and tells of it. `false` where no cloud does. */
export async function createInCloud(
  repository: Repository,
  environment: CloudEnvironment & CallOptions,
  log: Log,
): Promise<boolean> {
  const { createMissingRepository } = await import('../../keychains/ecr-repository.ts');
  const outcome = await createMissingRepository(repository, environment);
  if (outcome === 'created') log.line(`Created the repository ${formatRepository(repository)}`);
  return outcome !== 'not-needed';
}
