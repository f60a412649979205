import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { ReferrerListOptions } from '../store/capabilities.ts';
import { askReferrersApi } from './referrers-api.ts';
import { readReferrersTag } from './referrers-tag.ts';
import type { RepositoryClient } from './repository-client.ts';

/**
 * What points at a manifest: from the referrers API, else from the referrers tag. OCI distribution-spec, "Listing Referrers";
 * demand-and-quirks reference, Q-66 and Q-67.
 */
export async function listReferrers(
  client: RepositoryClient,
  subject: Digest,
  { artifactType, signal }: ReferrerListOptions,
): Promise<readonly Descriptor[]> {
  const found =
    (await askReferrersApi(client, subject, { artifactType, signal })) ??
    (await readReferrersTag(client, subject, { signal }))?.index.manifests ??
    [];
  // Whether the registry applied the filter is not worth finding out: applying it again changes nothing.
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType);
}
