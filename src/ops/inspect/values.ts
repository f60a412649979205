import type { ContentId, Descriptor } from '../../oci/descriptor.ts';
import { sortedByKey } from '../../oci/json.ts';
import { normalizeTimestamp, zeroTimestamp } from '../../oci/timestamp.ts';
import type { ManifestSummary } from './summary.ts';

/** A time of an image; `undefined` for one that was never set, and for what is none. */
export function timeOf(text: string | undefined): string | undefined {
  const time = text === undefined ? undefined : normalizeTimestamp(text);
  return time === zeroTimestamp ? undefined : time;
}

/** A map from outside with its keys in order, be they `__proto__`. */
export function sorted(
  map: Readonly<Record<string, string>> | ReadonlyMap<string, string> = {},
): Readonly<Record<string, string>> {
  const entries = sortedByKey(map instanceof Map ? recordOf(map) : (map as Readonly<Record<string, string>>));
  return recordOf(entries);
}

/** What every summary of a manifest has: what names it, and what it says of itself, or another document says of it. */
export function outlineOf(
  { digest, mediaType, size }: Descriptor,
  { artifactType, annotations }: Pick<Descriptor, 'artifactType' | 'annotations'>,
): Pick<ManifestSummary, 'digest' | 'mediaType' | 'size' | 'artifactType' | 'annotations'> {
  return {
    digest,
    mediaType,
    size,
    artifactType: artifactType === '' ? undefined : artifactType,
    annotations: sorted(annotations),
  };
}

/** Bytes of several contents together, each digest once; `undefined` where no number can hold what documents claim. */
export function totalSize(
  contents: Iterable<Pick<ContentId, 'digest'> & { readonly size: number }>,
): number | undefined {
  const sizes = new Map<string, number>();
  for (const { digest, size } of contents) if (!sizes.has(digest)) sizes.set(digest, size);
  return sumOf(sizes.values());
}

/** `undefined` where no number can hold it. */
export function sumOf(sizes: Iterable<number>): number | undefined {
  let sum = 0;
  for (const size of sizes) sum += size;
  return Number.isSafeInteger(sum) ? sum : undefined;
}

function recordOf(map: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const record = Object.create(null) as Record<string, string>;
  for (const [key, value] of map) record[key] = value;
  return record;
}
