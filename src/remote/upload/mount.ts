import { lateAbort } from '../../async/late-abort.ts';
import { isOciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import { repositoryScope } from '../../wire/scope.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { ResponseError } from '../transport/response-error.ts';
import { isRetryable } from '../transport/retry.ts';
import { answerPatience, sessionIn, startedStatuses, type UploadSession } from './session.ts';

export interface MountResult {
  readonly mounted: boolean;
  /** What the registry began instead; to be used or cancelled. */
  readonly session?: UploadSession;
  /** It does not mount from that repository at all, as against: not this blob. */
  readonly refused?: boolean;
}

/**
 * Takes a blob from another repository of the registry. Only 201 means that it did; refusals of any kind are no failure, since
 * the blob can be uploaded (demand-and-quirks reference, Q-50). `from` is always named: without it some registries take blobs
 * from repositories the user never spoke of.
 */
export async function mountBlob(
  client: RepositoryClient,
  digest: Digest,
  from: string,
  { signal }: CallOptions,
): Promise<MountResult> {
  const late = lateAbort(signal, answerPatience);
  try {
    const answer = await client.perform({
      method: 'POST',
      path: `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`,
      purpose: `mount blob ${digest} from ${from} into ${client.name}`,
      expect: [201, ...startedStatuses],
      access: 'push',
      extraScopes: [repositoryScope(from, 'pull')],
      retry: false,
      signal: late.signal,
    });
    return answer.status === 201 ? { mounted: true } : { mounted: false, session: sessionIn(answer, client) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOciError(error)) throw error;
    // A registry that cannot do it may say so with 500, each time.
    const refused = error instanceof ResponseError && (error.status === 500 || !isRetryable(error));
    return { mounted: false, refused };
  } finally {
    late.unlink();
  }
}
