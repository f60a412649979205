import { mapLimited } from '../../async/map-limited.ts';
import { type ErrorCode, isOciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { parseImageConfig } from '../../oci/image-config.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import { defaultPlatform, satisfiesPlatform } from '../../oci/platform.ts';
import { normalizeTimestamp, zeroTimestamp } from '../../oci/timestamp.ts';
import type { CallOptions } from '../../options.ts';
import type { DescribedTag } from '../../store/described-tag.ts';
import { canFetchConfig } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { manifestOf, readConfig } from '../read.ts';
import { openArtifact, platformOf } from '../resolve.ts';
import { timeOf } from './sort-tags.ts';

export interface DescribeTagsOptions extends CallOptions {
  /** Tags that are asked for at the same time. @default 8 */
  readonly concurrency?: number | undefined;
}

/**
 * Finds out what tags name, and when those images were made; tags whose time is known stay as they are. A tag costs its
 * manifest and its config, and that of an index the manifest of one image more; what tags share is read once. An index says
 * itself when it was made, by its annotation, or else its image for linux/amd64, or its first. Tags of what cannot be read, or
 * is gone meanwhile, or says nothing, stay without a time. Of a docker archive configs are read and no layers, so that it is not
 * known what tags name.
 *
 * @throws {OciError} what the store throws, but for single tags that are missing or malformed
 */
export async function describeTags<T extends DescribedTag>(
  source: ContentSource,
  tags: readonly T[],
  { concurrency = 8, signal }: DescribeTagsOptions = {},
): Promise<readonly (T & DescribedTag)[]> {
  const times = new TagTimes(source);
  return mapLimited(
    tags,
    concurrency,
    async (tag, abort) => (timeOf(tag) === undefined ? { ...tag, ...(await times.describe(tag.tag, abort)) } : tag),
    signal,
  );
}

/** Indexes may hold indexes; more levels than this are no image but an attack. */
const maxDepth = 8;

class TagTimes {
  readonly #source: ContentSource;
  /** By what is said of when it was made: manifests, indexes and configs. */
  readonly #known = new Map<Digest, Promise<number | undefined>>();

  constructor(source: ContentSource) {
    this.#source = source;
  }

  async describe(tag: string, signal: AbortSignal): Promise<Omit<DescribedTag, 'tag'>> {
    let found: Omit<DescribedTag, 'tag'> = {};
    try {
      if (canFetchConfig(this.#source)) {
        const { bytes, digest } = await this.#source.fetchConfig(tag, { signal });
        return { created: parseTime(parseImageConfig(bytes, digest).created) };
      }
      const { root } = await openArtifact(this.#source, tag, { signal });
      found = { digest: root.digest, mediaType: root.mediaType, size: root.size };
      return { ...found, created: await this.#timeOf(root, signal, 0) };
    } catch (error) {
      if (!isOciError(error) || !single.has(error.code)) throw error;
      return found;
    }
  }

  #timeOf(root: Descriptor, signal: AbortSignal, depth: number): Promise<number | undefined> {
    const known = this.#known.get(root.digest) ?? this.#readTime(root, signal, depth);
    this.#known.set(root.digest, known);
    return known;
  }

  async #readTime(root: Descriptor, signal: AbortSignal, depth: number): Promise<number | undefined> {
    if (depth > maxDepth) return undefined;
    const manifest = await manifestOf({ store: this.#source, root }, { signal });
    if (manifest.kind === 'image') return this.#imageTime(manifest.image, signal);
    if (manifest.kind === 'schema1') return undefined;
    const { annotations, manifests } = manifest.index;
    const stated = parseTime(annotations?.[annotationKeys.created]);
    const child = typicalOf(manifests);
    return stated ?? (child === undefined ? undefined : this.#timeOf(child, signal, depth + 1));
  }

  /** Configs of other artifacts say nothing of time. */
  async #imageTime({ config, annotations }: ImageManifest, signal: AbortSignal): Promise<number | undefined> {
    const stated = parseTime(annotations?.[annotationKeys.created]);
    if (!isImageConfigType(config.mediaType)) return stated;
    const bytes = await readConfig(this.#source, config, { signal });
    return parseTime(parseImageConfig(bytes, config.digest).created) ?? stated;
  }
}

/** What is wrong with one tag only. */
const single: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_FOUND',
  'INVALID_MANIFEST',
  'INVALID_CONFIG',
  'INVALID_DIGEST',
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'LIMIT_EXCEEDED',
  'UNSUPPORTED',
]);

function typicalOf(children: readonly Descriptor[]): Descriptor | undefined {
  const images = children.filter(({ platform }) => platform?.os !== 'unknown');
  return images.find((child) => satisfiesPlatform(platformOf(child), defaultPlatform)) ?? images[0];
}

/** @returns `undefined` for what is no time, or Go's zero time */
function parseTime(text: string | undefined): number | undefined {
  const normalized = text === undefined ? undefined : normalizeTimestamp(text);
  if (normalized === undefined || normalized === zeroTimestamp) return undefined;
  const time = Date.parse(normalized);
  return time >= 0 ? time : undefined;
}
