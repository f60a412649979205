import { isOciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import type { Deleter } from '../../store/capabilities.ts';

export interface DeleteManifestOptions extends CallOptions {
  /**
   * What names the manifest, and may go: deleted before it where the store asks for that, as Google's registries do
   * (demand-and-quirks reference, Q-70). @default none
   */
  readonly tags?: readonly string[] | undefined;
}

/**
 * Deletes a manifest with all tags that name it.
 *
 * @throws {OciError} `NOT_FOUND`; `UNSUPPORTED`; `CONFLICT` when it has tags that are to be deleted before it and are not among
 *   `tags`
 */
export async function deleteManifest(
  store: Deleter,
  digest: Digest,
  { tags = [], signal }: DeleteManifestOptions = {},
): Promise<void> {
  try {
    return await store.deleteManifest(digest, { signal });
  } catch (error) {
    if (!isOciError(error, 'CONFLICT') || tags.length === 0) throw error;
  }
  for (const tag of tags) {
    await store.deleteTag(tag, { signal }).catch((error: unknown) => {
      if (!isOciError(error, 'NOT_FOUND')) throw error;
    });
  }
  await store.deleteManifest(digest, { signal });
}
