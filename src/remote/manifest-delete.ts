import { isOciError, OciError, quoted } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';
import { parseTag } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { deleteOnce } from './delete-once.ts';
import { resolveManifest } from './manifests.ts';
import { forgetWritten } from './own-writes.ts';
import type { RepositoryClient } from './repository-client.ts';

/** @param reference a tag or a digest */
export async function deleteManifest(client: RepositoryClient, reference: string, options: CallOptions): Promise<void> {
  const what = isDigest(reference) ? 'manifest' : 'tag';
  try {
    const path = `manifests/${isDigest(reference) ? reference : parseTag(reference)}`;
    await deleteOnce(client, path, `delete ${what} ${quoted(reference)} of ${client.name}`, options);
    forgetWritten(client);
  } catch (error) {
    throw refusedDelete(error, what, await isStillThere(error, client, reference, options));
  }
}

/** Registries that do not delete may answer 404 to what they have (demand-and-quirks reference, Q-70). */
async function isStillThere(
  error: unknown,
  client: RepositoryClient,
  reference: string,
  options: CallOptions,
): Promise<boolean> {
  if (!isOciError(error, 'NOT_FOUND')) return false;
  try {
    await resolveManifest(client, reference, options);
    return true;
  } catch {
    options.signal?.throwIfAborted();
    return false;
  }
}

function refusedDelete(error: unknown, what: string, isThere: boolean): unknown {
  if (!isOciError(error) || !(isThere || error.code === 'UNSUPPORTED' || error.code === 'RESPONSE')) return error;
  const hint =
    what === 'tag'
      ? 'This registry may delete by digest only; that also removes all other tags of the same manifest'
      : 'This registry may not allow deleting, or only in its own interface';
  return new OciError('UNSUPPORTED', error.message, { cause: error, hint });
}
