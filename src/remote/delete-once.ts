import { isOciError } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import type { RepositoryClient } from './repository-client.ts';
import { NetworkError } from './transport/exchange.ts';
import { ResponseError } from './transport/response-error.ts';

/**
 * Deletes something of a repository. What is gone when it is tried again was deleted by a request whose answer got lost.
 *
 * @param path below the repository: `manifests/v1`, `blobs/sha256:…`
 * @param purpose to follow "Could not" in messages
 * @throws {ResponseError} `NOT_FOUND` for what was not there
 */
export async function deleteOnce(
  client: RepositoryClient,
  path: string,
  purpose: string,
  { signal }: CallOptions,
): Promise<void> {
  let mayBeDone = false;
  await client.transport.retrying(async () => {
    try {
      const expect = [200, 202, 204];
      await client.perform({ method: 'DELETE', path, purpose, expect, access: 'delete', retry: false, signal });
    } catch (error) {
      if (mayBeDone && isOciError(error, 'NOT_FOUND')) return;
      mayBeDone ||= error instanceof NetworkError || (error instanceof ResponseError && error.status >= 500);
      throw error;
    }
  }, signal);
}
