import { after, type ByteStream, pipe } from '../../content/bytes.ts';
import { OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type ByteRange, parseContentRange } from '../../wire/content-range.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { NetworkError } from '../transport/exchange.ts';
import type { RegistryTraits } from '../transport/host.ts';
import type { Answer } from '../transport/redirect.ts';
import { drain } from '../transport/response-error.ts';
import { decoded, isEncoded, type Reading, readingOf } from './content-coding.ts';

export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Whether the transport tries again, rather than the caller. @default false */
  readonly retry?: boolean | undefined;
  /** Fail where only the whole is to be had. @default false */
  readonly onlyPart?: boolean | undefined;
}

/** What a server sends of a blob. */
export interface OpenedPart {
  /** From the first byte that was asked for. */
  readonly body: ByteStream;
  /** Where it ends, if all goes well. */
  readonly end: number;
}

/** One blob at one place, and what turned out there about how it can be read. */
export class BlobSource {
  readonly client: RepositoryClient;
  readonly target: Descriptor;
  readonly #url: URL | undefined;
  readonly #purpose: string;
  /** Ranges were answered with something else than asked for. */
  #wholeOnly = false;
  /** The server said that it knows ranges. */
  #offersRanges = false;
  /** For bodies whose length does not tell. */
  #reading: Reading | undefined;

  /** @param url a place elsewhere; without it the registry has the blob */
  constructor(client: RepositoryClient, target: Descriptor, url?: URL) {
    this.client = client;
    this.target = target;
    this.#url = url;
    const from = url === undefined ? '' : ` from ${url.host}`;
    this.#purpose = `read blob ${target.digest} of ${client.name}${from}`;
  }

  /** Whether parts can be asked for beside each other. */
  get servesRanges(): boolean {
    return !this.#wholeOnly && (this.#traits?.servesRanges ?? this.#offersRanges);
  }

  /**
   * The bytes from `start` on; those after `end`, which a server may send that ignores ranges, are for the caller to leave.
   * Each call begins at the registry's own URL: one it redirected to may have expired. Demand-and-quirks reference, Q-22, Q-27.
   *
   * @throws {OciError} `SIZE_MISMATCH` when the whole is announced with another length
   */
  async open(part: ByteRange, options: OpenOptions): Promise<OpenedPart> {
    const isPart = part.start > 0 || part.end < this.target.size;
    if (isPart && !this.#wholeOnly) {
      const opened = await this.#openPart(part, options);
      if (opened !== undefined) return opened;
    }
    return this.#whole(await this.#ask({}, [200], options), part, options);
  }

  async #openPart(part: ByteRange, options: OpenOptions): Promise<OpenedPart | undefined> {
    const headers = { range: `bytes=${part.start}-${part.end - 1}` };
    const answer = await this.#ask(headers, [200, 206, 416], options);
    const end = answer.status === 206 ? this.#endOfPart(answer, part) : undefined;
    this.#noteRanges(end !== undefined);
    if (end !== undefined) return { body: answer.body, end };
    if (answer.status === 200 && options.onlyPart !== true) return this.#whole(answer, part, options);
    this.#wholeOnly = true;
    if (answer.status === 416) await drain(answer.body);
    else await answer.body.cancel();
    if (options.onlyPart !== true) return undefined;
    throw new OciError('RESPONSE', `${this.#name} could not be read in parts: ${this.#shown(answer)}`);
  }

  async #whole(answer: Answer, part: ByteRange, options: OpenOptions): Promise<OpenedPart> {
    return { body: await this.#openWhole(answer, part, options), end: this.target.size };
  }

  async #openWhole(answer: Answer, { start }: ByteRange, options: OpenOptions): Promise<ByteStream> {
    const { headers, body } = answer;
    if (/\bbytes\b/i.test(headers.get('accept-ranges') ?? '')) this.#offersRanges = true;
    const length = lengthOf(answer);
    if (length === this.target.size) return from(body, start);
    if (isEncoded(headers)) {
      const reading = length === undefined ? this.#reading : 'decoded';
      if (reading === undefined) return pipe(body, () => this.#tryOut(answer, start, options));
      return from(reading === 'raw' ? body : decoded(body), start);
    }
    if (length === undefined) return from(body, start);
    await body.cancel();
    const message = `${this.#name}: ${this.target.size} bytes expected, ${answer.url.host} announces ${length}`;
    throw start === 0
      ? new OciError('SIZE_MISMATCH', message)
      : new NetworkError('protocol', message, { retryable: true });
  }

  /**
   * Without a length only the digest tells whether a body that is said to be encoded is the blob as it is, or the blob
   * encoded. It is read once to find out, which needs no memory, and then once more.
   */
  async *#tryOut({ body }: Answer, start: number, options: OpenOptions): AsyncGenerator<Uint8Array, void> {
    this.#reading = await readingOf(body, this.target);
    const again = await this.#ask({}, [200], options);
    yield* await this.#openWhole(again, { start, end: this.target.size }, options);
  }

  async #ask(
    headers: Readonly<Record<string, string>>,
    expect: readonly number[],
    { signal, retry = false }: OpenOptions,
  ): Promise<Answer> {
    return this.client.send({
      method: 'GET',
      path: this.#url ?? `blobs/${this.target.digest}`,
      headers,
      purpose: this.#purpose,
      expect,
      access: 'pull',
      retry,
      anonymous: this.#url !== undefined,
      signal,
    });
  }

  /** Where the part ends that an answer has, `undefined` when it is another than the one asked for. */
  #endOfPart(answer: Answer, { start }: ByteRange): number | undefined {
    const range = parseContentRange(answer.headers.get('content-range') ?? '');
    const length = lengthOf(answer);
    if (range?.start !== start || range.end > this.target.size) return undefined;
    if (length !== undefined && length !== range.end - start) return undefined;
    // A range of the encoded form would have its size.
    const isOurs = range.size === this.target.size || (range.size === undefined && !isEncoded(answer.headers));
    return isOurs ? range.end : undefined;
  }

  #noteRanges(serves: boolean): void {
    if (this.#traits !== undefined) this.#traits.servesRanges = serves;
  }

  /** Of the registry, where it is sure that it answered and no mirror of it, nor a place elsewhere. */
  get #traits(): RegistryTraits | undefined {
    const { transport, repository, isMirrored } = this.client;
    return this.#url === undefined && !isMirrored ? transport.traitsOf(repository.registry) : undefined;
  }

  get #name(): string {
    return `Blob ${this.target.digest} of ${this.client.name}`;
  }

  #shown({ status, headers }: Answer): string {
    if (status !== 206) return `the answer was ${status}`;
    const range = headers.get('content-range');
    return `the answer was 206 with ${range === undefined ? 'no Content-Range' : `the Content-Range ${quoted(range)}`}`;
  }
}

function lengthOf({ headers }: Answer): number | undefined {
  const stated = headers.get('content-length');
  return stated !== undefined && /^\d{1,15}$/.test(stated) ? Number(stated) : undefined;
}

function from(body: ByteStream, start: number): ByteStream {
  return start === 0 ? body : pipe(body, (chunks) => after(chunks, start));
}
