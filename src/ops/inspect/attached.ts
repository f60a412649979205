import { mapLimited } from '../../async/map-limited.ts';
import { isOciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import { canListReferrers, type TagLister } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { DigestTags } from '../digest-tags.ts';
import type { ReferrerSummary } from './summary.ts';
import { outlineOf } from './values.ts';

export interface AttachedOptions extends CallOptions {
  /** Of the manifests. */
  readonly mediaType: string;
  /** The tags of the store, where they have been listed already. */
  readonly tags?: readonly string[] | undefined;
}

/** Cosign makes three; each of them costs a request. */
const maxTags = 100;

/**
 * What refers to manifests: what their store lists as referrers, and what is attached by tags as cosign does it. Where the store
 * keeps none there are none.
 *
 * @param warnings takes what was left out
 */
export async function attachedTo(
  store: ContentSource,
  subjects: readonly Digest[],
  warnings: string[],
  { mediaType, tags, signal }: AttachedOptions,
): Promise<readonly ReferrerSummary[]> {
  const options = { signal };
  const digestTags = new DigestTags(tags === undefined ? store : withTags(store, tags));
  const found: ReferrerSummary[] = [];
  for (const subject of subjects) {
    const listed = canListReferrers(store) ? await store.referrers({ digest: subject, mediaType }, options) : [];
    for (const referrer of listed) found.push(referrerSummary(referrer, subject));
    const own = await digestTags.of(subject, options);
    if (own.length > maxTags) warnings.push(`${own.length} tags belong to ${subject}, of which ${maxTags} are shown`);
    const targets = await mapLimited(own.slice(0, maxTags), 8, (tag, inner) => targetOf(store, tag, inner), signal);
    found.push(
      ...targets.flatMap((target, i) => (target === undefined ? [] : [referrerSummary(target, subject, own[i])])),
    );
  }
  return found;
}

function withTags(store: ContentSource, tags: readonly string[]): ContentSource & TagLister {
  return {
    resolve: (reference, options) => store.resolve(reference, options),
    stat: (content, options) => store.stat(content, options),
    fetch: (target, options) => store.fetch(target, options),
    async *tags() {
      yield tags;
    },
  };
}

/** `undefined` for a tag that is gone by now. */
async function targetOf(store: ContentSource, tag: string, signal: AbortSignal): Promise<Descriptor | undefined> {
  try {
    return await store.resolve(tag, { signal });
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function referrerSummary(referrer: Descriptor, subject: Digest, tag?: string): ReferrerSummary {
  return { ...outlineOf(referrer, referrer), subject, tag };
}
