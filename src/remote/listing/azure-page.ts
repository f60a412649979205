import { isDigest } from '../../oci/digest.ts';
import { parseJson } from '../../oci/json.ts';
import { isTag, type RegistryName } from '../../oci/reference.ts';
import { cloudOf } from '../auth/cloud-hosts.ts';
import type { ReadAnswer } from '../transport/transport.ts';
import { type ListedManifest, recordOf, stringsIn, textOf } from './repository-page.ts';

/** Whether a registry lists its manifests as those of Azure do, by its name. */
export function isAzureHost(registry: RegistryName): boolean {
  return cloudOf(registry) === 'acr';
}

/** The actions of a token that lets manifests be listed there: another right than to pull them. */
export const azureListActions = 'metadata_read';

/** Where the registries of Azure list the manifests of a repository. */
export function azureListPath(repository: string): string {
  return `/acr/v1/${repository}/_manifests`;
}

/**
 * Reads one page of what Azure's registries list: `manifests`, each with `digest`, `imageSize`, `mediaType`, `createdTime` (when
 * the manifest came into the registry), `lastUpdateTime` and `tags`, which is absent where there are none. What is malformed is
 * left out, as in Google's lists. Azure REST API, "Manifests - Get List".
 *
 * @throws {OciError} `RESPONSE` when it is no JSON
 */
export function parseAzurePage({ bytes, url }: ReadAnswer): {
  readonly manifests: readonly ListedManifest[];
  readonly count: number;
} {
  const document = recordOf(parseJson(bytes, `The list ${url.host} sent`, 'RESPONSE')) ?? {};
  const entries: unknown = document['manifests'];
  if (!Array.isArray(entries)) return { manifests: [], count: 0 };
  return { manifests: entries.flatMap((entry) => manifestOf(recordOf(entry) ?? {})), count: entries.length };
}

function manifestOf(fields: Readonly<Record<string, unknown>>): readonly ListedManifest[] {
  const { digest, mediaType, imageSize, createdTime, tags } = fields;
  if (typeof digest !== 'string' || !isDigest(digest)) return [];
  const isSize = Number.isSafeInteger(imageSize) && (imageSize as number) >= 0;
  return [
    {
      digest,
      mediaType: textOf(mediaType),
      imageSize: isSize ? (imageSize as number) : undefined,
      uploaded: timeOf(createdTime),
      tags: stringsIn(tags).filter(isTag),
    },
  ];
}

/** RFC 3339 with up to seven digits behind the seconds. */
function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]{8,20}Z$/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
