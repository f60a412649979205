import { type ByteSource, discard } from '../../content/bytes.ts';
import type { GrowingContent } from '../../content/growing-file.ts';
import { VerifiedStream } from '../../content/verify.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { CallOptions } from '../../options.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { ResponseError } from '../transport/response-error.ts';
import { defaultChunkSize } from './chunk-size.ts';
import { contentOf, RecentContent, type UploadContent } from './content.ts';
import { EarlyUpload } from './early-upload.ts';
import { mountBlob } from './mount.ts';
import { cancelSession, type UploadSession } from './session.ts';
import { uploadOnce } from './shared-uploads.ts';
import { uploadBlob, type UploadOptions } from './upload.ts';

/** Uploads to one repository, the sessions that its refused mounts have opened, and what is sent while it is made. */
export class Uploads {
  readonly #client: RepositoryClient;
  readonly #sessions = new Map<Digest, UploadSession>();
  readonly #early = new Set<EarlyUpload>();

  constructor(client: RepositoryClient) {
    this.#client = client;
  }

  /** Uploads what can be read once. As much as a piece is kept in memory, to be sent again after a break. */
  async push(expected: Descriptor, content: ByteSource, options: TransferOptions): Promise<void> {
    if (content instanceof Uint8Array) return this.pushFrom(expected, contentOf(content, expected), options);
    const verified = VerifiedStream.of(content, expected);
    const { transport, repository } = this.#client;
    const wished = transport.settingsOf(repository.registry).chunkSize ?? 0;
    const window = Math.min(Math.max(defaultChunkSize, wished), largestWindow);
    try {
      await this.pushFrom(expected, new RecentContent(verified, expected, window), options);
    } finally {
      const released = discard(verified).catch(() => {});
      if (options.signal?.aborted !== true) await released;
    }
  }

  async pushFrom(expected: Descriptor, content: UploadContent, options: TransferOptions): Promise<void> {
    const { digest } = expected;
    let session = this.#sessions.get(digest);
    this.#sessions.delete(digest);
    // What can be read once cannot be read from where the other has come to.
    let early = content.canOpen === undefined ? this.#takeEarly(expected) : undefined;
    const upload = async (signal: AbortSignal): Promise<void> => {
      const taken = early;
      early = undefined;
      const started = await taken?.take(signal);
      if (started !== undefined && (await this.#goOn(expected, content, { ...options, started, signal }))) return;
      const first = session;
      session = undefined;
      await uploadBlob(this.#client, expected, content, { ...options, session: first, signal });
    };
    try {
      await uploadOnce(this.#client, digest, upload, options.signal);
    } finally {
      // The same blob was on its way already, or nobody wants it any more.
      if (session !== undefined) await cancelSession(this.#client, session);
      await early?.cancel();
    }
  }

  /** Sends what is being made. The push of what it becomes goes on from there; without one, what is returned has to be disposed of. */
  pushEarly(content: GrowingContent, options: CallOptions): AsyncDisposable {
    const early = new EarlyUpload(this.#client, content, options);
    this.#early.add(early);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#early.delete(early);
        await early.cancel();
      },
    };
  }

  /** @returns whether the blob is there; if not, the session the registry opened instead is kept for the upload */
  async mount(digest: Digest, from: string, options: CallOptions): Promise<boolean> {
    const { transport, repository } = this.#client;
    const { mounted, session, refused } = await mountBlob(this.#client, digest, from, options);
    if (refused === true) transport.traitsOf(repository.registry).unmountable.add(from);
    const former = this.#sessions.get(digest);
    if (former !== undefined) await cancelSession(this.#client, former);
    if (session !== undefined) this.#sessions.set(digest, session);
    if (this.#sessions.size > maxSessions) await this.#cancelOldest();
    return mounted;
  }

  /** Cancels what was begun and nobody has gone on with. */
  async close(): Promise<void> {
    const unused = [...this.#sessions.values()];
    this.#sessions.clear();
    const early = [...this.#early];
    this.#early.clear();
    const cancelled = unused.map((session) => cancelSession(this.#client, session));
    await Promise.all([...cancelled, ...early.map((upload) => upload.cancel())]);
  }

  /** @returns `false` when the registry does not take what was begun early: then it may take the blob as others send it */
  async #goOn(expected: Descriptor, content: UploadContent, options: UploadOptions): Promise<boolean> {
    try {
      await uploadBlob(this.#client, expected, content, options);
      return true;
    } catch (error) {
      if (!(error instanceof ResponseError) || final.has(error.code)) throw error;
      return false;
    }
  }

  #takeEarly({ digest, size }: Descriptor): EarlyUpload | undefined {
    for (const early of this.#early) {
      const { result } = early.content;
      if (result?.digest !== digest || result.size !== size) continue;
      this.#early.delete(early);
      return early;
    }
    return undefined;
  }

  async #cancelOldest(): Promise<void> {
    for (const [digest, session] of this.#sessions) {
      this.#sessions.delete(digest);
      await cancelSession(this.#client, session);
      return;
    }
  }
}

/** What would be answered to any other upload as well. */
const final: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'DENIED', 'RATE_LIMITED']);
/** Sessions are used right after they were opened; more than this were forgotten. */
const maxSessions = 64;
/** Whoever wishes for larger pieces of a stream that can be read once cannot have them sent again as a whole. */
const largestWindow = 64 * 1024 * 1024;
