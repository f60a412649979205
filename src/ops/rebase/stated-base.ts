import { annotationKeys } from '../../oci/annotations.ts';

/** What annotations say of the base of an image, as it stands there: anyone may have written it. */
export interface StatedBase {
  /** `org.opencontainers.image.base.name`. */
  readonly name?: string | undefined;
  /** `org.opencontainers.image.base.digest`. */
  readonly digest?: string | undefined;
}

type Annotations = ReadonlyMap<string, string> | Readonly<Record<string, string>> | undefined;

/**
 * What is said of a base in the first of several places that says anything: the image, its entry in an index, the index.
 * OCI image-spec, annotations.md.
 */
export function statedBase(places: readonly Annotations[]): StatedBase {
  const found = places.map(baseIn);
  return found.find(({ name }) => name !== undefined) ?? found.find(({ digest }) => digest !== undefined) ?? {};
}

function baseIn(annotations: Annotations): StatedBase {
  return {
    name: valueOf(annotations, annotationKeys.baseName),
    digest: valueOf(annotations, annotationKeys.baseDigest),
  };
}

function valueOf(annotations: Annotations, key: string): string | undefined {
  if (annotations === undefined) return undefined;
  const isMap = annotations instanceof Map;
  const value: unknown = isMap ? annotations.get(key) : (annotations as Readonly<Record<string, string>>)[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Annotations that state another base. Where the new one has no name the old name goes: it would be that of another image.
 *
 * @param when `'stated'`: only where a base is stated already
 * @returns the same object when nothing changes
 */
export function restated<T extends ReadonlyMap<string, string> | undefined>(
  annotations: T,
  base: StatedBase,
  when: 'always' | 'stated',
): T | ReadonlyMap<string, string> {
  const before = baseIn(annotations);
  if (when === 'stated' && before.name === undefined && before.digest === undefined) return annotations;
  if (before.name === base.name && before.digest === base.digest) return annotations;
  const after = new Map(annotations ?? []);
  for (const [key, value] of [
    [annotationKeys.baseDigest, base.digest],
    [annotationKeys.baseName, base.name],
  ] as const) {
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  }
  return after;
}
