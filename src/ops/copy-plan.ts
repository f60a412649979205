import { type ByteSource, discard } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { compareUtf8 } from '../oci/json.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { ReferrerKeeper, ReopenableContent, ResumingPusher, TaggingPusher } from '../store/capabilities.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';

/** A manifest that a plan has. */
export interface PlannedManifest {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
}

/** A manifest that a plan names. */
export interface PlannedTag {
  readonly tag: string;
  readonly target: Descriptor;
}

/**
 * A sink that takes everything, keeps the manifests and moves no blob: what a copy would bring, for a dry run, or for a
 * format that is written in one go. What another sink has counts as there.
 */
export class CopyPlan implements ContentSink, ResumingPusher, TaggingPusher, ReferrerKeeper {
  readonly #existing: (Pick<ContentSink, 'stat'> & Partial<Pick<ContentSource, 'resolve'>>) | undefined;
  readonly #planned = new Map<Digest, Descriptor>();
  readonly #manifests = new Map<Digest, PlannedManifest>();
  readonly #tags = new Map<string, Descriptor>();
  readonly #referrers = new Map<string, Referrer>();

  /** @param existing what the content would be added to; it is only read */
  constructor(existing?: Pick<ContentSink, 'stat'> & Partial<Pick<ContentSource, 'resolve'>>) {
    this.#existing = existing;
  }

  /** The manifests that would be sent. */
  get manifests(): readonly PlannedManifest[] {
    return Array.from(this.#manifests.values());
  }

  /** In the order of their names: what is copied at the same time is done in any order. */
  get tags(): readonly PlannedTag[] {
    return inOrder(this.#tags).map(([tag, target]) => ({ tag, target }));
  }

  /** In the order of their subjects, and then of their digests. */
  get referrers(): readonly Referrer[] {
    return inOrder(this.#referrers).map(([, referrer]) => referrer);
  }

  async resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    const planned = this.#tags.get(reference) ?? this.#planned.get(reference as Digest);
    if (planned !== undefined) return planned;
    if (this.#existing?.resolve !== undefined) return this.#existing.resolve(reference, options);
    throw new OciError('NOT_FOUND', `Nothing is named ${quoted(reference)}`);
  }

  async stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#planned.get(content.digest) ?? this.#existing?.stat(content, options);
  }

  async push(expected: Descriptor, content: ByteSource): Promise<void> {
    if (isManifestType(expected.mediaType)) {
      const bytes = await collectVerified(content, expected, maxManifestSize);
      this.#manifests.set(expected.digest, { target: expected, bytes });
    } else {
      await discard(content);
    }
    this.#planned.set(expected.digest, expected);
  }

  /** Notes the blob. Its content is not opened. */
  async pushFrom(expected: Descriptor, _content: ReopenableContent): Promise<void> {
    this.#planned.set(expected.digest, expected);
  }

  async pushTagged(expected: Descriptor, content: Uint8Array, reference: string): Promise<void> {
    this.#manifests.set(expected.digest, { target: expected, bytes: content });
    this.#planned.set(expected.digest, expected);
    if (reference !== expected.digest) this.#tags.set(reference, expected);
  }

  async tag(target: Descriptor, reference: string): Promise<void> {
    this.#tags.set(reference, target);
  }

  async keepReferrers(referrers: readonly Referrer[]): Promise<void> {
    for (const referrer of referrers)
      this.#referrers.set(`${referrer.subject} ${referrer.descriptor.digest}`, referrer);
  }
}

function inOrder<T>(named: ReadonlyMap<string, T>): readonly (readonly [name: string, T])[] {
  return Array.from(named).sort(([a], [b]) => compareUtf8(a, b));
}
