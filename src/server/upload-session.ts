import { untilAborted } from '../content/abort.ts';
import { type ByteSource, type ByteStream, chunksOf, discard } from '../content/bytes.ts';
import { Digester } from '../content/hash.ts';
import { checkDigest, type Expected } from '../content/verify.ts';
import { Limiter } from '../async/limiter.ts';
import { OciError, quoted } from '../errors.ts';
import { algorithmOf, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { AppendOptions, Upload } from './storage.ts';

/** Where the bytes of an upload lie until it is finished. */
export interface Spool {
  size(): Promise<number>;
  append(content: AsyncIterable<Uint8Array>): Promise<void>;
  read(): Promise<ByteStream>;
  remove(): Promise<void>;
}

/** Makes the bytes of a finished upload, which have been hashed and match, content of a repository. */
export type Commit<S extends Spool> = (expected: Expected, spool: S, options: CallOptions) => Promise<void>;

/**
 * The state of one upload: hashed while it arrives, so that finishing need not read it again. Bytes that this process has
 * not seen pass, after a restart for example, are hashed at the end.
 */
export class UploadSession<S extends Spool> {
  readonly id: string;
  readonly spool: S;
  readonly #turns = new Limiter(1);
  #digester: Digester | undefined;
  readonly #algorithm: DigestAlgorithm;
  #over = false;

  constructor(id: string, spool: S, algorithm: DigestAlgorithm = 'sha256') {
    this.id = id;
    this.spool = spool;
    this.#algorithm = algorithm;
    this.#digester = new Digester(algorithm);
  }

  /** The session as a repository shows it. */
  upload(commit: Commit<S>, onOver: () => void): Upload {
    return {
      id: this.id,
      size: () => this.spool.size(),
      append: (content, options = {}) => this.#append(content, options),
      finish: async (digest, options = {}) => {
        try {
          return await this.#turns.run(() => this.#finish(digest, commit, options), options.signal);
        } finally {
          if (this.#over) onOver();
        }
      },
      cancel: async () => {
        await this.#turns.run(() => this.end());
        onOver();
      },
    };
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.spool.remove();
  }

  async #append(content: ByteSource, { offset, signal }: AppendOptions): Promise<number> {
    try {
      return await this.#turns.run(async () => {
        this.#check();
        const before = await this.spool.size();
        if (offset !== undefined && offset !== before) {
          throw new OciError('OUT_OF_RANGE', `The chunk starts at byte ${offset}, the upload has ${before} bytes`);
        }
        await this.#keep(untilAborted(content, signal), before);
        return this.spool.size();
      }, signal);
    } catch (error) {
      const released = discard(content).catch(() => {});
      // A source that hangs may never answer; after an abort nobody waits for it.
      if (signal?.aborted !== true) await released;
      throw error;
    }
  }

  /** What arrived before the source failed is written and stays. */
  async #keep(content: ByteSource, before: number): Promise<void> {
    const digester = this.#digester?.size === before ? this.#digester : undefined;
    let failure: { readonly error: unknown } | undefined;
    async function* arriving(): AsyncGenerator<Uint8Array, void> {
      try {
        for await (const chunk of chunksOf(content)) {
          digester?.update(chunk);
          yield chunk;
        }
      } catch (error) {
        failure = { error };
      }
    }
    await this.spool.append(arriving());
    if (failure !== undefined) throw failure.error;
  }

  async #finish(digest: Digest, commit: Commit<S>, options: CallOptions): Promise<Expected> {
    this.#check();
    const size = await this.spool.size();
    const actual = await this.#digestOf(size, algorithmOf(digest), options);
    if (actual !== digest) await this.end();
    checkDigest(actual, digest);
    await commit({ digest, size }, this.spool, options);
    await this.end();
    return { digest, size };
  }

  async #digestOf(size: number, algorithm: DigestAlgorithm, { signal }: CallOptions): Promise<Digest> {
    const running = this.#digester;
    this.#digester = undefined;
    if (running?.size === size && this.#algorithm === algorithm) return running.finish();
    const digester = new Digester(algorithm);
    for await (const chunk of chunksOf(untilAborted(await this.spool.read(), signal))) digester.update(chunk);
    return digester.finish();
  }

  #check(): void {
    if (this.#over) throw new OciError('NOT_FOUND', `There is no upload ${quoted(this.id)}`);
  }
}
