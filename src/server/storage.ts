import type { ByteSource, ByteStream } from '../content/bytes.ts';
import type { Expected } from '../content/verify.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { ContentStore } from '../store/store.ts';
import type { ByteRange } from '../wire/content-range.ts';

/** What a registry keeps its repositories in. Names are checked before they get here. */
export interface RegistryStorage {
  /** A repository that holds something, `undefined` when nothing was ever put there. */
  find(name: string, options?: CallOptions): Promise<RegistryRepository | undefined>;
  /** A repository to write to; it comes into being with the first content. */
  create(name: string, options?: CallOptions): Promise<RegistryRepository>;
  /** The names of all repositories, page by page, in any order. Left out by storages that cannot tell. */
  repositories?(options?: CallOptions): AsyncIterable<readonly string[]>;
}

/**
 * One repository as the server needs it: a store, and what the store's contract lacks. Listing tags and referrers and
 * deleting are the store's own capabilities; without them the server answers that it does not support this.
 */
export interface RegistryRepository {
  readonly content: ContentStore;
  readonly uploads: Uploads;
  /** Bytes as they lie, or a part of them. They may be unverified: the client checks what it gets. */
  read(target: Descriptor, range: ByteRange | undefined, options?: CallOptions): Promise<ByteStream>;
  /** Takes a blob from another repository of the same storage; `false` when that has to be done by an upload. */
  mount(digest: Digest, from: RegistryRepository, options?: CallOptions): Promise<boolean>;
}

export interface StartUploadOptions extends CallOptions {
  /** What the digest at the end will be made with; another one costs a second reading. @default 'sha256' */
  readonly algorithm?: DigestAlgorithm | undefined;
}

/** The blobs that are on their way into a repository. */
export interface Uploads {
  start(options?: StartUploadOptions): Promise<Upload>;
  /** A session that was neither finished nor cancelled nor forgotten because of its age. */
  find(id: string, options?: CallOptions): Promise<Upload | undefined>;
}

export interface AppendOptions extends CallOptions {
  /** Where the bytes belong. @default the end of what is there */
  readonly offset?: number | undefined;
}

/** A blob on its way. Calls on one session wait for each other. */
export interface Upload {
  readonly id: string;
  /** How many bytes are kept. */
  size(): Promise<number>;
  /**
   * Adds bytes. When the source fails, what came before is kept, so that a client can go on from there.
   *
   * @returns the size after it
   * @throws {OciError} `OUT_OF_RANGE` when `offset` is not the end, `NOT_FOUND` when the session is over
   */
  append(content: ByteSource, options?: AppendOptions): Promise<number>;
  /**
   * Makes the bytes a blob of the repository and ends the session, also when they do not match.
   *
   * @throws {OciError} `DIGEST_MISMATCH`, `NOT_FOUND`
   */
  finish(digest: Digest, options?: CallOptions): Promise<Expected>;
  cancel(): Promise<void>;
}
