import { type Digest, isDigest } from '../../oci/digest.ts';
import { parseJson } from '../../oci/json.ts';
import { isRepositoryName, isTag } from '../../oci/reference.ts';
import type { ReadAnswer } from '../transport/transport.ts';

/** A manifest as Google's registries list it. */
export interface ListedManifest {
  readonly digest: Digest;
  /** Empty where the registry does not say. */
  readonly mediaType: string;
  /** Bytes of all that the image needs, as the registry counts them. */
  readonly imageSize?: number | undefined;
  /** When the image says that it was made, in milliseconds since 1970. */
  readonly created?: number | undefined;
  /** When it came into the registry, in milliseconds since 1970. */
  readonly uploaded?: number | undefined;
  readonly tags: readonly string[];
}

/** A part of what a registry tells about one repository. */
export interface RepositoryPage {
  /** As the registry calls it; empty where it does not say. */
  readonly name: string;
  /**
   * Whether it tells of manifests, as Google's and Azure's do. Of others the tags are all there is to know: what has no tag
   * cannot be seen.
   */
  readonly listsManifests: boolean;
  /** Whether it tells of the repositories below, as Google's do. */
  readonly listsChildren: boolean;
  /** Names of repositories directly below, without the name of this one. */
  readonly children: readonly string[];
  readonly manifests: readonly ListedManifest[];
  readonly tags: readonly string[];
}

/**
 * Reads a list of tags with what Google's registries add to it: `child`, and `manifest` with `imageSizeBytes`, `mediaType`,
 * `timeCreatedMs`, `timeUploadedMs`, `tag`. What is malformed is left out: a name or a digest goes into further requests, and
 * one odd entry must not hide the others. crane-library reference, section 3.7; demand-and-quirks reference, Q-64.
 *
 * @param repository what was asked about; children whose full name would be no repository's are left out
 * @throws {OciError} `RESPONSE` when it is no JSON
 */
export function parseRepositoryPage({ bytes, url }: ReadAnswer, repository: string): RepositoryPage {
  const document = recordOf(parseJson(bytes, `The list ${url.host} sent`, 'RESPONSE')) ?? {};
  const manifests = recordOf(document['manifest']);
  const children = stringsIn(document['child']);
  const isRich = manifests !== undefined || children.length > 0;
  return {
    name: textOf(document['name']),
    listsManifests: isRich,
    listsChildren: isRich,
    children: children.filter((child) => isRepositoryName(`${repository}/${child}`)),
    manifests: Object.entries(manifests ?? {}).flatMap(([digest, entry]) => manifestOf(digest, entry)),
    tags: stringsIn(document['tags']).filter(isTag),
  };
}

/** An object of JSON. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** Text without what could harm a terminal, and not longer than any name; else empty. */
export function textOf(value: unknown): string {
  return typeof value === 'string' && value.length <= maxText && !/[\p{Cc}\p{Surrogate}]/u.test(value) ? value : '';
}

/** The strings in an array. */
export function stringsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
}

function manifestOf(digest: string, entry: unknown): readonly ListedManifest[] {
  const fields = recordOf(entry);
  if (fields === undefined || !isDigest(digest)) return [];
  const imageSize = numberOf(fields['imageSizeBytes']);
  return [
    {
      digest,
      mediaType: textOf(fields['mediaType']),
      imageSize: imageSize === undefined || imageSize < 0 ? undefined : imageSize,
      created: numberOf(fields['timeCreatedMs']),
      uploaded: numberOf(fields['timeUploadedMs']),
      tags: stringsIn(fields['tag']).filter(isTag),
    },
  ];
}

/** Google writes numbers as text, since JavaScript would cut them. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : undefined;
}

/** Names and media types are shorter: both have 255 characters at most. */
const maxText = 512;
