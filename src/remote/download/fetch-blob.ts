import { type LinkedAbort, linkedAbort } from '../../async/linked-abort.ts';
import { type ByteStream, streamOf } from '../../content/bytes.ts';
import { VerifiedStream } from '../../content/verify.ts';
import { isOciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { ByteRange } from '../../wire/content-range.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { adaptiveBody } from './adaptive-body.ts';
import { BlobSource, type OpenedPart } from './blob-source.ts';
import { openForeign } from './foreign.ts';
import { Pace } from './pace.ts';
import { resumingBody } from './resuming-body.ts';

/**
 * Opens a blob. The stream goes on by range request where the connection broke, with the same running hash, and comes over
 * several connections where that is faster.
 *
 * @throws {OciError} `SIZE_MISMATCH` before a byte is read when the registry announces another size
 */
export async function fetchBlob(
  client: RepositoryClient,
  target: Descriptor,
  options: TransferOptions,
): Promise<ByteStream> {
  const whole = { start: 0, end: target.size };
  try {
    return new VerifiedStream(await openBlob(new BlobSource(client, target), whole, options), target);
  } catch (error) {
    if (target.urls === undefined || target.urls.length === 0 || !isOciError(error, 'NOT_FOUND')) throw error;
    const stream = await openForeign(client, target, error, options.signal, (url) =>
      openBlob(new BlobSource(client, target, url), whole, options),
    );
    return new VerifiedStream(stream, target);
  }
}

/** Part of a blob, resumed like the whole; `end` is exclusive. */
export async function fetchBlobRange(
  client: RepositoryClient,
  target: Descriptor,
  [start, end]: readonly [start: number, end: number],
  options: TransferOptions,
): Promise<ByteStream> {
  const last = Math.min(end, target.size);
  if (!(start >= 0) || start >= last) return streamOf(new Uint8Array(0));
  return openBlob(new BlobSource(client, target), { start, end: last }, options);
}

/** From this size on several connections are worth a thought. */
const largeBlob = 64 * 1024 * 1024;
/** So much has to be left when they are opened. */
const leastLeft = 32 * 1024 * 1024;
/** Large against the time a request takes, small against the memory of a process. */
const partSize = 4 * 1024 * 1024;
/** Above this the processor is the limit, at which more connections only take from each other. */
const fastEnough = 80_000_000;
const period = 1000;

async function openBlob(
  source: BlobSource,
  part: ByteRange,
  { signal, onProgress }: TransferOptions,
): Promise<ByteStream> {
  const life = linkedAbort(signal);
  try {
    const opened = await source.open(part, { signal: life.signal, retry: true });
    return new BlobStream(life, opened, chunksOf(source, part, opened, { signal: life.signal, onProgress }));
  } catch (error) {
    life.unlink();
    throw error;
  }
}

function chunksOf(
  source: BlobSource,
  part: ByteRange,
  opened: OpenedPart,
  options: TransferOptions & { readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array, void> {
  const { transport, repository } = source.client;
  const most = transport.connectionsPerBlob(repository.registry);
  if (most <= 1 || part.end - part.start < largeBlob) return resumingBody(source, part, opened, options);
  const now = (): number => transport.now();
  const pace = new Pace({ most, fastEnough, period, now });
  const limits = { leastLeft, partSize, budget: transport.windows };
  return adaptiveBody(source, part, opened, { ...options, ...limits, pace, now });
}

/** A download that was opened. Cancelling it reaches every connection and every wait. */
class BlobStream implements ByteStream, AsyncIterableIterator<Uint8Array> {
  readonly #life: LinkedAbort;
  readonly #opened: OpenedPart;
  readonly #chunks: AsyncGenerator<Uint8Array, void>;
  #isCancelled = false;

  constructor(life: LinkedAbort, opened: OpenedPart, chunks: AsyncGenerator<Uint8Array, void>) {
    this.#life = life;
    this.#opened = opened;
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // By hand and not as a generator, which would cost another promise for each chunk.
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#chunks.next().then(
      (result) => {
        if (result.done !== true) return result;
        this.#life.unlink();
        return { done: true, value: undefined };
      },
      (error: unknown) => {
        this.#life.unlink();
        if (!this.#isCancelled) throw error;
        return { done: true, value: undefined };
      },
    );
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.cancel();
    return { done: true, value: undefined };
  }

  async cancel(reason: unknown = new Error('The download was cancelled')): Promise<void> {
    this.#isCancelled = true;
    this.#life.abort(reason);
    this.#life.unlink();
    await this.#opened.body.cancel(reason);
    // Not awaited: what hangs may never let go of the read that is under way.
    this.#chunks.return().catch(() => {});
  }
}
