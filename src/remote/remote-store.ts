import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { GrowingContent } from '../content/growing-file.ts';
import { VerifiedStream } from '../content/verify.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { parseTag, type Repository, sameRepository } from '../oci/reference.ts';
import { referrerIn } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type {
  Deleter,
  EarlyPusher,
  ListedTag,
  ManifestFetcher,
  Mounter,
  RangeFetcher,
  ReferrerLister,
  ReferrerListOptions,
  ReopenableContent,
  ResumingPusher,
  SelfAware,
  TaggingPusher,
  TagLister,
  TagListOptions,
  TargetLister,
} from '../store/capabilities.ts';
import type { DescribedTag } from '../store/described-tag.ts';
import type { TransferOptions } from '../store/progress.ts';
import type { ContentStore } from '../store/store.ts';
import type { RepositoryAccess } from '../wire/scope.ts';
import { deleteBlob, statBlob } from './blobs.ts';
import { keepRecent } from './keep-recent.ts';
import type { RepositoryListing, RepositoryListOptions } from './listing/list-repository.ts';
import { deleteManifest } from './manifest-delete.ts';
import { putManifest } from './manifest-push.ts';
import { type FetchedManifest, fetchManifest, resolveManifest, statManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import { forgetReferrer } from './referrers-tag.ts';
import { RepositoryClient } from './repository-client.ts';
import { listTags } from './tags.ts';
import { NetworkError } from './transport/exchange.ts';
import type { Transport } from './transport/transport.ts';
import type { Uploads } from './upload/uploads.ts';

export interface RemoteOptions {
  readonly transport: Transport;
  /**
   * What will be done at most, as far as is known: tokens are asked for with it from the start. Asking for more than is
   * needed fails for users who may read only; asking for less costs a second token. Mirrors are asked with `pull` only, as what
   * they have says nothing about what is still to be pushed.
   *
   * @default 'pull'
   */
  readonly access?: RepositoryAccess | undefined;
}

/** Enough for the images of one command; they are some KiB each, and `maxManifestSize` at most. */
const keptManifests = 8;

/** One repository of a registry. Nothing is sent before the first call. */
export function remote(repository: Repository, options: RemoteOptions): RemoteStore {
  return new RemoteStore(repository, options);
}

/**
 * A repository over HTTP. All methods may throw {@link ResponseError} (`UNAUTHORIZED`, `DENIED`, `NOT_FOUND`, `RATE_LIMITED`,
 * `UNSUPPORTED`, `RESPONSE` …), {@link NetworkError} (`NETWORK`, `TIMEOUT`) and, from the keychain, `INVALID_SETTINGS`.
 */
export class RemoteStore
  implements
    ContentStore,
    ManifestFetcher,
    Mounter,
    ResumingPusher,
    EarlyPusher,
    TaggingPusher,
    RangeFetcher,
    TagLister,
    TargetLister,
    ReferrerLister,
    Deleter,
    SelfAware
{
  readonly repository: Repository;
  /** The repository itself. */
  readonly #client: RepositoryClient;
  /** It, or the mirrors that come before it. */
  readonly #reader: RepositoryClient;
  #uploads: Promise<Uploads> | undefined;
  /** Manifests fetched lately, so that resolving a tag and then reading its manifest is one request. */
  readonly #manifests = new Map<Digest, FetchedManifest>();

  constructor(repository: Repository, { transport, access = 'pull' }: RemoteOptions) {
    this.repository = repository;
    const route = transport.routeOf(repository);
    this.#client = new RepositoryClient(transport, repository, access, { ...route, mirrors: [] });
    const hasMirrors = access === 'pull' && route.mirrors.length > 0;
    this.#reader = hasMirrors ? new RepositoryClient(transport, repository, access, route) : this.#client;
  }

  /** @throws {OciError} `INVALID_REFERENCE` when the text is neither a tag nor a digest */
  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    return resolveManifest(this.#reader, reference, options);
  }

  async fetchManifest(reference: string, options: CallOptions = {}): Promise<FetchedManifest> {
    options.signal?.throwIfAborted();
    const known = isDigest(reference) ? this.#manifests.get(reference) : undefined;
    if (known !== undefined) return known;
    const fetched = await fetchManifest(this.#reader, reference, options);
    keepRecent(this.#manifests, fetched.descriptor.digest, fetched, keptManifests);
    return fetched;
  }

  async stat(content: ContentId, options: CallOptions = {}): Promise<Descriptor | undefined> {
    const stat = isManifestType(content.mediaType) ? statManifest : statBlob;
    try {
      // What is at a mirror may be missing here, and then has to be pushed.
      return await stat(this.#client, content, options);
    } catch (error) {
      if (this.#reader === this.#client || !(error instanceof NetworkError)) throw error;
      return stat(this.#reader, content, options);
    }
  }

  async fetch(target: Descriptor, options: TransferOptions = {}): Promise<ByteStream> {
    // What was found at the manifests endpoint is there, whatever type it has.
    const isManifest = isManifestType(target.mediaType) || this.#manifests.has(target.digest);
    if (!isManifest) return (await this.#downloads()).fetchBlob(this.#reader, target, options);
    const { bytes } = await this.fetchManifest(target.digest, options);
    return VerifiedStream.of(bytes, target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, options: TransferOptions = {}): Promise<ByteStream> {
    return (await this.#downloads()).fetchBlobRange(this.#reader, target, [start, end], options);
  }

  /**
   * Sends without looking first whether the content is there; callers `stat` before they open what they push. Of a stream,
   * 16 MiB are kept in memory to be sent again after a break: whoever can open the content again uses {@link pushFrom}.
   */
  async push(expected: Descriptor, content: ByteSource, options: TransferOptions = {}): Promise<void> {
    if (isManifestType(expected.mediaType)) return putManifest(this.#client, expected, content, options);
    return (await this.#loadUploads()).push(expected, content, options);
  }

  /** Like {@link push}, and goes on where it broke off for as long as bytes advance. */
  async pushFrom(expected: Descriptor, content: ReopenableContent, options: TransferOptions = {}): Promise<void> {
    if (isManifestType(expected.mediaType)) return this.push(expected, await content.open(0), options);
    return (await this.#loadUploads()).pushFrom(expected, content, options);
  }

  pushEarly(content: GrowingContent, options: CallOptions = {}): AsyncDisposable {
    const started = this.#loadUploads().then((uploads) => uploads.pushEarly(content, options));
    started.catch(() => {});
    return { [Symbol.asyncDispose]: async () => (await started)[Symbol.asyncDispose]() };
  }

  async pushTagged(
    expected: Descriptor,
    content: Uint8Array,
    reference: string,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const tag = reference === expected.digest ? undefined : reference;
    return putManifest(this.#client, expected, content, { tag, signal });
  }

  async tag(target: Descriptor, reference: string, { signal }: CallOptions = {}): Promise<void> {
    const { descriptor, bytes } = await this.fetchManifest(target.digest, { signal });
    await putManifest(this.#client, { ...descriptor, mediaType: target.mediaType }, bytes, { tag: reference, signal });
  }

  /** Not where mirrors are read: they may have what the registry has no longer. */
  readonly refusesIncomplete = true;

  isSameStore(source: unknown): boolean {
    if (!(source instanceof RemoteStore) || source.#reader !== source.#client) return false;
    return sameRepository(source.repository, this.repository);
  }

  canMountFrom(from: unknown): boolean {
    if (!(from instanceof RemoteStore)) return false;
    const { transport, repository } = this.#client;
    const { registry: theirs, repository: name } = from.#client.repository;
    if (theirs !== repository.registry || name === repository.repository) return false;
    return !transport.traitsOf(theirs).unmountable.has(name);
  }

  /** Where the registry would not mount, it may have opened an upload, which the next push of the blob uses. */
  async mount(target: Descriptor, from: unknown, options: CallOptions = {}): Promise<boolean> {
    if (!this.canMountFrom(from) || !(from instanceof RemoteStore)) return false;
    return (await this.#loadUploads()).mount(target.digest, from.#client.repository.repository, options);
  }

  tags(options: TagListOptions = {}): AsyncIterable<readonly string[]> {
    return listTags(this.#client, options);
  }

  /** Google's registries say of each manifest which tags it has. */
  async *tagTargets(options: CallOptions = {}): AsyncGenerator<readonly ListedTag[]> {
    const { tags, manifests } = await this.list(options);
    const targets = new Map(
      Array.from(manifests.values()).flatMap((one) => one.tags.map((tag) => [tag, one] as const)),
    );
    yield tags.map((tag) => ({ tag, target: targets.get(tag) }));
  }

  /** What the registry tells about the repository: tags, and where it is one of Google's, manifests and children. */
  async list(options: RepositoryListOptions = {}): Promise<RepositoryListing> {
    const { collectPages, repositoryPages } = await import('./listing/list-repository.ts');
    return collectPages(repositoryPages(this.#client, options));
  }

  /** The same tags page by page, with what the registry tells of what they name: digest, size, times. */
  async *describedTags(options: RepositoryListOptions = {}): AsyncGenerator<readonly DescribedTag[], void> {
    const [{ repositoryPages }, { describedTags }] = await Promise.all([
      import('./listing/list-repository.ts'),
      import('./listing/described-tags.ts'),
    ]);
    yield* describedTags(repositoryPages(this.#client, options));
  }

  async referrers(subject: ContentId, options: ReferrerListOptions = {}): Promise<readonly Descriptor[]> {
    return listReferrers(this.#client, subject.digest, options);
  }

  /** Also takes the manifest out of the list its subject's referrers tag holds, where the registry does not keep the list. */
  async deleteManifest(digest: Digest, options: CallOptions = {}): Promise<void> {
    const { descriptor, bytes } = await fetchManifest(this.#client, digest, options);
    await deleteManifest(this.#client, digest, options);
    this.#manifests.delete(digest);
    const entry = referrerIn(bytes, descriptor);
    if (entry !== undefined) await forgetReferrer(this.#client, entry.subject, digest, options);
  }

  async deleteTag(tag: string, options: CallOptions = {}): Promise<void> {
    return deleteManifest(this.#client, parseTag(tag), options);
  }

  async deleteBlob(digest: Digest, options: CallOptions = {}): Promise<void> {
    return deleteBlob(this.#client, digest, options);
  }

  /** Cancels uploads that refused mounts, or early pushes, have begun and nobody went on with. The store can still be used. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#uploads)?.close();
  }

  /** Loaded when blobs move: questions about manifests and tags, which is what most commands ask, need neither direction. */
  async #downloads() {
    return import('./download/fetch-blob.ts');
  }

  async #loadUploads(): Promise<Uploads> {
    this.#uploads ??= import('./upload/uploads.ts').then((loaded) => new loaded.Uploads(this.#client));
    return this.#uploads;
  }
}
