import { isOciError, OciError, quoted } from '../errors.ts';
import { annotationKeys } from './annotations.ts';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { encodeJson, type JsonValue, parseJson, sortedByKey } from './json.ts';
import { type ImageIndex, imageIndexFields, type Manifest } from './manifest.ts';
import { mediaTypes } from './media-type.ts';
import { formatPlatform, type Platform } from './platform.ts';
import { isTag, parseReference } from './reference.ts';

// OCI image-spec, image-layout.md. What layout directories and layout archives have in common, without any I/O.

export const layoutMarkerName = 'oci-layout';
export const layoutIndexName = 'index.json';

/** The `oci-layout` file, byte for byte as crane writes it. crane-cli reference, section 13.3. */
export const layoutMarker: string = encodeJson({ imageLayoutVersion: '1.0.0' }, { indent: '    ' });

/** The index of a layout that lists nothing. */
export const emptyLayoutIndex: ImageIndex = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

/**
 * Reads an `index.json`.
 *
 * @param where names the layout in the message
 * @throws {OciError} `INVALID_LAYOUT`
 */
export function parseLayoutIndex(bytes: Uint8Array, where: string): ImageIndex {
  const what = `The index.json of ${where}`;
  const document = parseJson(bytes, what, 'INVALID_LAYOUT');
  try {
    const index = imageIndexFields(document, '');
    if ('config' in index || 'layers' in index) {
      throw new OciError('INVALID_LAYOUT', `${what} is an image manifest and an index at once`);
    }
    return index;
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    throw new OciError('INVALID_LAYOUT', `${what}: ${cause.message}`, { cause, hint: cause.hint });
  }
}

/**
 * Checks an `oci-layout` file; only a version that is not ours to understand is refused.
 *
 * @throws {OciError} `UNSUPPORTED`, `INVALID_LAYOUT`
 */
export function checkLayoutMarker(bytes: Uint8Array, where: string): void {
  const document = parseJson(bytes, `The oci-layout file of ${where}`, 'INVALID_LAYOUT');
  const version: unknown =
    typeof document === 'object' && document !== null && 'imageLayoutVersion' in document
      ? document.imageLayoutVersion
      : undefined;
  if (typeof version === 'string' && !/^1(?:\.|$)/.test(version)) {
    throw new OciError('UNSUPPORTED', `The layout ${where} has version ${quoted(version)}, only 1.x is understood`);
  }
}

/** The bytes of an `index.json`, as crane writes them; fields it would drop stay, after the known ones. */
export function encodeLayoutIndex(index: ImageIndex): string {
  return encodeJson(
    inOrder(index, indexOrder, {
      manifests: index.manifests.map(encodeEntry),
      annotations: sortedIfAny(index.annotations),
      subject: index.subject && encodeEntry(index.subject),
    }),
    { indent: '   ' },
  );
}

export interface EntryOptions {
  /** Name of the entry: `org.opencontainers.image.ref.name`. @default none */
  readonly refName?: string | undefined;
  readonly platform?: Platform | undefined;
  /** Added to those of the manifest. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * The entry for a manifest: that of an image carries the manifest's annotations and its artifact type, or the media type of
 * its config, as crane's does. crane-cli reference, section 13.3.
 */
export function entryOf(target: Descriptor, manifest: Manifest, options: EntryOptions = {}): Descriptor {
  const { mediaType, digest, size } = target;
  const { refName, platform = target.platform } = options;
  const image = manifest.kind === 'image' ? manifest.image : undefined;
  const annotations: Record<string, string> = { ...image?.annotations };
  // On a manifest the name means nothing (annotations.md); carried along it would let any image take any tag here.
  delete annotations[annotationKeys.refName];
  Object.assign(annotations, options.annotations, refName === undefined ? {} : { [annotationKeys.refName]: refName });
  const artifactType = image === undefined ? undefined : image.artifactType || image.config.mediaType || undefined;
  return {
    mediaType,
    digest,
    size,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

/**
 * Adds an entry. It takes the place of those that have its name and of a nameless one with its digest, so that pulling twice
 * lists an image once; without a name it keeps the name under which its digest is listed.
 */
export function withEntry(index: ImageIndex, entry: Descriptor): ImageIndex {
  const name = refNameOf(entry);
  const replaces = (other: Descriptor): boolean => {
    const otherName = refNameOf(other);
    if (name !== undefined && otherName === name) return true;
    return other.digest === entry.digest && (name === undefined || otherName === undefined);
  };
  const place = index.manifests.findIndex(replaces);
  const old = index.manifests[place];
  if (old === undefined) return { ...index, manifests: [...index.manifests, entry] };
  const fresh = old.digest === entry.digest ? renewed(old, entry) : entry;
  const manifests = index.manifests.flatMap((other, i) => {
    if (i === place) return [fresh];
    return replaces(other) && (name !== undefined || refNameOf(other) === undefined) ? [] : [other];
  });
  return { ...index, manifests };
}

/** Like {@link withEntry}, in place of all entries of another manifest and under their names, where that is listed. */
export function withEntryReplaced(index: ImageIndex, old: Digest, entry: Descriptor): ImageIndex {
  const names = index.manifests.filter(({ digest }) => digest === old).map(refNameOf);
  if (names.length === 0 || old === entry.digest) return withEntry(index, entry);
  const place = index.manifests.findIndex(({ digest }) => digest === old);
  const renamed = Array.from(new Set(names), (name) => (name === undefined ? entry : withName(entry, name)));
  const rest = index.manifests.map((other) => (other.digest === old ? undefined : other));
  const manifests = rest.flatMap((other, i) => (i === place ? renamed : (other ?? [])));
  // One entry without a name says nothing that one with a name does not.
  const isSpare = (other: Descriptor): boolean =>
    other.digest === entry.digest && refNameOf(other) === undefined && !renamed.includes(other);
  return { ...index, manifests: manifests.filter((other) => !isSpare(other)) };
}

/** The index without the entries that `drop` picks. */
export function withoutEntries(index: ImageIndex, drop: (entry: Descriptor) => boolean): ImageIndex {
  return { ...index, manifests: index.manifests.filter((entry) => !drop(entry)) };
}

/** The index without a name; the last entry of a manifest stays, nameless, so that the manifest stays listed. */
export function withoutTag(index: ImageIndex, tag: string): ImageIndex {
  let result = index;
  for (const entry of index.manifests.filter((entry) => isNamed(entry, tag))) {
    const listedElsewhere = result.manifests.some((other) => other !== entry && other.digest === entry.digest);
    result = listedElsewhere
      ? withoutEntries(result, (other) => other === entry)
      : { ...result, manifests: result.manifests.map((other) => (other === entry ? withoutName(entry) : other)) };
  }
  return result;
}

/**
 * The entry that a tag names: one whose name is the tag, else one whose name is a full reference with that tag, as crane's
 * `--annotate-ref` writes.
 *
 * @throws {OciError} `AMBIGUOUS` when the name fits different manifests for different platforms or repositories
 */
export function findEntry(index: ImageIndex, tag: string, where: string): Descriptor | undefined {
  const exact = index.manifests.filter((entry) => refNameOf(entry) === tag);
  const fitting = exact.length > 0 ? exact : index.manifests.filter((entry) => isNamed(entry, tag));
  // Tools that only append list a tag that moved twice; the last one is meant.
  const rivals = new Map(fitting.map((entry) => [`${refNameOf(entry)} ${platformOf(entry)}`, entry]));
  if (new Set(Array.from(rivals.values(), ({ digest }) => digest)).size > 1) {
    throw new OciError('AMBIGUOUS', `${quoted(tag)} names several manifests in ${where}: ${listOf(fitting)}`, {
      hint: 'Name one of them by its digest or its full name',
    });
  }
  return fitting.at(-1);
}

/**
 * The only entry.
 *
 * @throws {OciError} `NOT_FOUND` when there is none, `AMBIGUOUS` when there are several, listing them
 */
export function singleEntry(index: ImageIndex, where: string): Descriptor {
  const [first, ...others] = index.manifests;
  if (first === undefined) throw new OciError('NOT_FOUND', `${where} lists no image`);
  if (others.every(({ digest }) => digest === first.digest)) return first;
  throw new OciError('AMBIGUOUS', `${where} lists ${index.manifests.length} entries: ${listOf(index.manifests)}`, {
    hint: 'Name one of them by its tag or digest',
  });
}

/** The tags under which entries can be found, sorted. */
export function tagsOf(index: ImageIndex): readonly string[] {
  const tags = index.manifests.map((entry) => tagOf(refNameOf(entry))).filter((tag) => tag !== undefined);
  return Array.from(new Set(tags)).sort();
}

/** The name of an entry. */
export function refNameOf(entry: Descriptor): string | undefined {
  const name = entry.annotations?.[annotationKeys.refName];
  return name === '' ? undefined : name;
}

const indexOrder = ['schemaVersion', 'mediaType', 'manifests', 'annotations', 'subject', 'artifactType'];
const descriptorOrder = ['mediaType', 'size', 'digest', 'data', 'urls', 'annotations', 'platform', 'artifactType'];
const platformOrder = ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'];

function encodeEntry(entry: Descriptor): JsonValue {
  return inOrder(entry, descriptorOrder, {
    annotations: sortedIfAny(entry.annotations),
    platform: entry.platform && inOrder(entry.platform, platformOrder),
  });
}

/** Known members first, in their order, then all others in theirs. */
function inOrder(
  value: object,
  order: readonly string[],
  encoded: Readonly<Record<string, JsonValue | undefined>> = {},
): ReadonlyMap<string, JsonValue | undefined> {
  const members = new Map(Object.entries(value as Readonly<Record<string, JsonValue | undefined>>));
  const keys = new Set([...order.filter((key) => members.has(key)), ...members.keys()]);
  return new Map(Array.from(keys, (key) => [key, Object.hasOwn(encoded, key) ? encoded[key] : members.get(key)]));
}

function sortedIfAny(map: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> | undefined {
  return map && sortedByKey(map);
}

/** What the old entry of the same manifest says beyond the new one stays. */
function renewed(old: Descriptor, entry: Descriptor): Descriptor {
  const annotations = { ...old.annotations, ...entry.annotations };
  return { ...old, ...entry, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
}

function withName(entry: Descriptor, name: string): Descriptor {
  return { ...entry, annotations: { ...entry.annotations, [annotationKeys.refName]: name } };
}

function withoutName(entry: Descriptor): Descriptor {
  const { annotations: old, ...rest } = entry;
  const { [annotationKeys.refName]: _, ...annotations } = { ...old };
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

function isNamed(entry: Descriptor, tag: string): boolean {
  const name = refNameOf(entry);
  return name !== undefined && (name === tag || tagOf(name) === tag);
}

/** The tag itself, or the tag of a full reference. */
function tagOf(name: string | undefined): string | undefined {
  if (name === undefined || isTag(name)) return name;
  if (!name.includes('/') && !name.includes(':')) return undefined;
  try {
    return parseReference(name).tag;
  } catch {
    return undefined;
  }
}

function platformOf(entry: Descriptor): string {
  return entry.platform === undefined ? '' : formatPlatform(entry.platform);
}

/** At most ten entries for a message. */
function listOf(entries: readonly Descriptor[]): string {
  const shown = entries.slice(0, 10).map((entry) => {
    const name = refNameOf(entry);
    const details = [name === undefined ? undefined : quoted(name), platformOf(entry) || undefined];
    return [...details, entry.digest].filter((part) => part !== undefined).join(' ');
  });
  return entries.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}
