import type { ByteStream } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { parseContentRange } from '../wire/content-range.ts';
import { openForeign } from './foreign.ts';
import type { RepositoryClient } from './repository-client.ts';
import { NetworkError } from './transport/exchange.ts';

/**
 * Opens a blob. The stream goes on by range request where the connection broke, with the same running hash.
 *
 * @throws {OciError} `SIZE_MISMATCH` before a byte is read when the registry announces another size
 */
export async function fetchBlob(
  client: RepositoryClient,
  target: Descriptor,
  { signal }: CallOptions,
): Promise<ByteStream> {
  const { digest, size, urls = [] } = target;
  try {
    const body = await openAt(client, digest, { start: 0, end: size }, signal);
    return new VerifiedStream(new ResumingBody(client, target, body, signal), target);
  } catch (error) {
    if (urls.length === 0 || !isOciError(error, 'NOT_FOUND')) throw error;
    return new VerifiedStream(await openForeign(client, target, error, signal), target);
  }
}

/**
 * The bytes of a blob from `start` on. A server that ignores ranges sends all, of which the start is left out; what comes
 * after `end` is for the caller to refuse.
 *
 * @param part `end` is exclusive
 */
export async function openAt(
  client: RepositoryClient,
  digest: Digest,
  { start, end, whole = start === 0 }: { readonly start: number; readonly end: number; readonly whole?: boolean },
  signal: AbortSignal | undefined,
): Promise<ByteStream> {
  const answer = await client.send({
    method: 'GET',
    path: `blobs/${digest}`,
    headers: whole ? {} : { range: `bytes=${start}-${end - 1}` },
    purpose: `read blob ${digest} of ${client.name}`,
    expect: whole ? [200] : [200, 206],
    access: 'pull',
    signal,
  });
  const { status, headers, body } = answer;
  const fault =
    status === 206
      ? wrongRange(headers.get('content-range'), start)
      : wrongLength(headers.get('content-length'), end, whole);
  if (fault !== undefined) {
    await body.cancel();
    throw new OciError(whole ? 'SIZE_MISMATCH' : 'RESPONSE', `Blob ${digest} of ${client.name}: ${fault}`);
  }
  return status === 206 || start === 0 ? body : withoutStart(body, start);
}

/** Breaks in a row, without a byte between them, after which a download fails. */
const maxBreaks = 3;

class ResumingBody implements ByteStream {
  readonly #client: RepositoryClient;
  readonly #target: Descriptor;
  readonly #signal: AbortSignal | undefined;
  #body: ByteStream;

  constructor(client: RepositoryClient, target: Descriptor, body: ByteStream, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#target = target;
    this.#body = body;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const { size } = this.#target;
    let offset = 0;
    let breaks = 0;
    for (;;) {
      try {
        for await (const chunk of this.#body) {
          offset += chunk.byteLength;
          breaks = 0;
          yield chunk;
        }
        return;
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!isBreak(error) || offset >= size || ++breaks > maxBreaks) throw error;
        this.#body = await this.#reopen(offset, error);
      }
    }
  }

  async cancel(reason?: unknown): Promise<void> {
    await this.#body.cancel(reason);
  }

  /** From the registry's own URL: one it redirected to may have expired. */
  async #reopen(offset: number, broken: NetworkError): Promise<ByteStream> {
    try {
      const part = { start: offset, end: this.#target.size };
      return await openAt(this.#client, this.#target.digest, part, this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw error instanceof NetworkError
        ? error
        : new OciError(broken.code, broken.message, { cause: error, hint: broken.hint });
    }
  }
}

function isBreak(error: unknown): error is NetworkError {
  return error instanceof NetworkError && (error.fault === 'cut' || error.fault === 'timeout');
}

function wrongRange(contentRange: string | undefined, start: number): string | undefined {
  return parseContentRange(contentRange ?? '')?.start === start
    ? undefined
    : `bytes from ${start} were asked for, the registry sent ${contentRange ?? 'others'}`;
}

function wrongLength(contentLength: string | undefined, size: number, whole: boolean): string | undefined {
  if (!whole || contentLength === undefined || Number(contentLength) === size) return undefined;
  return `${size} bytes expected, the registry announces ${contentLength}`;
}

function withoutStart(body: ByteStream, count: number): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      let skip = count;
      for await (const chunk of body) {
        if (skip >= chunk.byteLength) skip -= chunk.byteLength;
        else {
          yield skip === 0 ? chunk : chunk.subarray(skip);
          skip = 0;
        }
      }
    },
    cancel: (reason) => body.cancel(reason),
  };
}
