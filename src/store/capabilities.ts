import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { GrowingContent } from '../content/growing-file.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { TransferOptions } from './progress.ts';
import type { ContentSource } from './store.ts';

// Optional powers of stores. An operation that profits asks with the guard and always has a way without.

/** Takes blobs from a neighbouring repository without moving bytes. */
export interface Mounter {
  /** Whether the sink can name `from` as a neighbour: same registry, another repository. */
  canMountFrom(from: unknown): boolean;
  /** `false` when the other side would not mount; the blob then has to be pushed. */
  mount(target: Descriptor, from: unknown, options?: CallOptions): Promise<boolean>;
}

/** Content that can be opened again where a transfer broke off. */
export interface ReopenableContent {
  /** From byte `start` on. From 0 it is verified as it flows; later bytes are not, since a digest covers the whole. */
  open(start: number): Promise<ByteStream>;
}

/** Adds a blob over a line that may break: a part that was lost is opened again and sent once more. */
export interface ResumingPusher {
  /** Like `push`, but opens the content itself, when it is ready to send, and one stream at a time. */
  pushFrom(expected: Descriptor, content: ReopenableContent, options?: TransferOptions): Promise<void>;
}

/** Takes a blob while it is made. */
export interface EarlyPusher {
  /**
   * Begins to send what is there of a blob, if it is large enough to be worth it; `pushFrom` of what it becomes goes on from
   * there. That it does not work out is no failure: the push then sends everything.
   *
   * @returns what has to be disposed of: that ends it and cancels what no push has gone on with
   */
  pushEarly(content: GrowingContent, options?: CallOptions): AsyncDisposable;
}

/** Puts a manifest and its tag with one request, where a push followed by a tag would take two. */
export interface TaggingPusher {
  /** @param reference a tag; or the manifest's own digest, which says of content of an unknown type that it is a manifest */
  pushTagged(expected: Descriptor, content: Uint8Array, reference: string, options?: CallOptions): Promise<void>;
}

/** Gets a manifest by its name in one step, where a resolve followed by a fetch would take two requests. */
export interface ManifestFetcher {
  /**
   * @param reference a tag or a digest
   * @throws {OciError} `NOT_FOUND`; `DIGEST_MISMATCH` when a digest was given and the bytes are others; `LIMIT_EXCEEDED`
   */
  fetchManifest(
    reference: string,
    options?: CallOptions,
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
}

/** Gives the config of an image without its manifest, where that would have to be made. */
export interface ConfigFetcher {
  /**
   * @param reference a name that `tags` lists
   * @returns the bytes, and their digest
   * @throws {OciError} `NOT_FOUND`; `LIMIT_EXCEEDED`
   */
  fetchConfig(
    reference: string,
    options?: CallOptions,
  ): Promise<{ readonly digest: Digest; readonly bytes: Uint8Array }>;
}

export interface RangeFetcher {
  /** Part of a blob: bytes are NOT verified, since a digest covers the whole. `end` is exclusive. */
  fetchRange(target: Descriptor, start: number, end: number, options?: CallOptions): Promise<ByteStream>;
}

export interface TagListOptions extends CallOptions {
  /** Only tags after this one, in the store's order. */
  readonly last?: string | undefined;
  /** How many to ask for at a time. @default 1000 */
  readonly pageSize?: number | undefined;
}

export interface TagLister {
  /** Page by page, in the store's order. */
  tags(options?: TagListOptions): AsyncIterable<readonly string[]>;
}

/** A tag, and what it names as far as the list says so. */
export interface ListedTag {
  readonly tag: string;
  readonly target?: ContentId | undefined;
}

/** Tells with its tags what they name, where that costs no more than listing them. */
export interface TargetLister {
  /** Page by page. A tag without a target has to be resolved. */
  tagTargets(options?: CallOptions): AsyncIterable<readonly ListedTag[]>;
}

/** Lists its manifests, with and without tags: layouts, OCI archives. */
export interface EntryLister {
  /** In its own order. */
  entries(options?: CallOptions): readonly Descriptor[] | Promise<readonly Descriptor[]>;
}

export interface ReferrerListOptions extends CallOptions {
  /** Only referrers of this kind. */
  readonly artifactType?: string | undefined;
}

export interface ReferrerLister {
  /** Manifests whose `subject` is the given manifest, described with artifact type and annotations. */
  referrers(subject: ContentId, options?: ReferrerListOptions): Promise<readonly Descriptor[]>;
}

/** Does not look into what is pushed, and has to be told what refers to what. */
export interface ReferrerKeeper {
  /** Lets manifests that were pushed be found, here and by other programs, as referrers of their subjects. */
  keepReferrers(referrers: readonly Referrer[], options?: CallOptions): Promise<void>;
}

export interface Deleter {
  /**
   * Deletes a manifest, and with it all tags that name it.
   *
   * @throws {OciError} `NOT_FOUND`; `UNSUPPORTED`; `CONFLICT` when its tags have to be deleted first
   */
  deleteManifest(digest: Digest, options?: CallOptions): Promise<void>;
  /** Deletes a tag, and leaves what it names. @throws {OciError} `NOT_FOUND`; `UNSUPPORTED` when there is no such thing */
  deleteTag(tag: string, options?: CallOptions): Promise<void>;
  /** @throws {OciError} `NOT_FOUND` */
  deleteBlob(digest: Digest, options?: CallOptions): Promise<void>;
}

/** Takes content whose digest and size are not known beforehand. */
export interface Ingester {
  ingest(content: ByteSource, mediaType: string, options?: CallOptions): Promise<Descriptor>;
}

/** Puts other sources together, or lays something over one. */
export interface LayeredSource {
  /** The source that has the content, itself no layered one. Where nobody has it, the one that would be asked. */
  originOf(content: ContentId, options?: CallOptions): Promise<ContentSource>;
  /** Whether the content lies above all that was there before, so that nobody else can be expected to have it. */
  isMade?(content: ContentId, options?: CallOptions): Promise<boolean>;
}

/** Knows when a source is the very place it writes to, so that what is there need not be looked for. */
export interface SelfAware {
  isSameStore(source: unknown): boolean;
  /** Whether it takes no manifest that names content it does not have, as registries do. */
  readonly refusesIncomplete: boolean;
}

/** The source that really has the content: the one that can be mounted from and that gives ranges. */
export async function originOf(
  source: ContentSource,
  content: ContentId,
  options?: CallOptions,
): Promise<ContentSource> {
  return 'originOf' in source ? (source as ContentSource & LayeredSource).originOf(content, options) : source;
}

/** Whether an edit has made the content: to send it costs less than to look for it first. */
export async function isMade(source: ContentSource, content: ContentId, options?: CallOptions): Promise<boolean> {
  return 'isMade' in source && (source as ContentSource & Required<LayeredSource>).isMade(content, options);
}

/** Whether what is in the source is in the sink, because they are one place. */
export function isSameStore(sink: object, source: object): boolean {
  return sink === source || ('isSameStore' in sink && (sink as SelfAware).isSameStore(source));
}

/** Whether nobody need look for what comes from the source: it is in the sink, or the sink will say that it is not. */
export function vouchesFor(sink: object, source: object): boolean {
  return isSameStore(sink, source) && 'refusesIncomplete' in sink && (sink as SelfAware).refusesIncomplete;
}

export function canMount(sink: object): sink is Mounter {
  return 'mount' in sink;
}

export function canPushFrom(sink: object): sink is ResumingPusher {
  return 'pushFrom' in sink;
}

export function canPushEarly(sink: object): sink is EarlyPusher {
  return 'pushEarly' in sink;
}

export function canPushTagged(sink: object): sink is TaggingPusher {
  return 'pushTagged' in sink;
}

export function canFetchManifest(source: object): source is ManifestFetcher {
  return 'fetchManifest' in source;
}

export function canFetchConfig(source: object): source is ConfigFetcher {
  return 'fetchConfig' in source;
}

export function canFetchRange(source: object): source is RangeFetcher {
  return 'fetchRange' in source;
}

export function canListTags(source: object): source is TagLister {
  return 'tags' in source;
}

export function canListTargets(source: object): source is TargetLister {
  return 'tagTargets' in source;
}

export function canListEntries(source: object): source is EntryLister {
  return 'entries' in source;
}

export function canListReferrers(source: object): source is ReferrerLister {
  return 'referrers' in source;
}

export function canKeepReferrers(sink: object): sink is ReferrerKeeper {
  return 'keepReferrers' in sink;
}

export function canDelete(sink: object): sink is Deleter {
  return 'deleteManifest' in sink;
}

export function canIngest(sink: object): sink is Ingester {
  return 'ingest' in sink;
}
