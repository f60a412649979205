import { isOciError, OciError, quoted } from '../errors.ts';
import { isDigest } from '../oci/digest.ts';
import { parseTag } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { deleteOnce } from './delete-once.ts';
import { resolveManifest } from './manifests.ts';
import { forgetWritten } from './own-writes.ts';
import type { RepositoryClient } from './repository-client.ts';
import { ResponseError } from './transport/response-error.ts';

/** @param reference a tag or a digest */
export async function deleteManifest(client: RepositoryClient, reference: string, options: CallOptions): Promise<void> {
  const what = isDigest(reference) ? 'manifest' : 'tag';
  try {
    const path = `manifests/${isDigest(reference) ? reference : parseTag(reference)}`;
    await deleteOnce(client, path, `delete ${what} ${quoted(reference)} of ${client.name}`, options);
    forgetWritten(client);
  } catch (error) {
    throw await refusedDelete(error, await isStillThere(error, client, reference, options), client, reference);
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

async function refusedDelete(
  error: unknown,
  isThere: boolean,
  { repository }: RepositoryClient,
  reference: string,
): Promise<unknown> {
  if (!isOciError(error) || !(isThere || error.code === 'UNSUPPORTED' || error.code === 'RESPONSE')) return error;
  const said = error instanceof ResponseError ? error.errors.map(({ code }) => code) : [];
  if (said.includes('GOOGLE_MANIFEST_DANGLING_TAG')) {
    return new OciError('CONFLICT', error.message, { cause: error, hint: 'Delete the tags that name it first' });
  }
  // Loaded when it is needed, which is seldom.
  const { vendorDeletion } = await import('./vendor-deletion.ts');
  return new OciError('UNSUPPORTED', error.message, {
    cause: error,
    hint: said.includes('GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE')
      ? 'An index lists it: delete that first'
      : (vendorDeletion(repository, reference) ?? generalHint(reference)),
  });
}

function generalHint(reference: string): string {
  return isDigest(reference)
    ? 'This registry may not allow deleting, or only in its own interface; registries of the distribution project have to be started with REGISTRY_STORAGE_DELETE_ENABLED=true'
    : 'This registry may delete by digest only; that also removes all other tags of the same manifest';
}
