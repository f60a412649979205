import type { RepositoryClient } from '../repository-client.ts';
import { NetworkError } from '../transport/exchange.ts';
import type { RegistryTraits } from '../transport/host.ts';
import type { ResponseError } from '../transport/response-error.ts';
import { chunkSizeFor, defaultChunkSize, smallerChunk } from './chunk-size.ts';
import { refusesAnySize } from './refusal.ts';
import type { UploadSession } from './session.ts';

/** How a blob is sent, in the order it is tried: one PUT, pieces by PATCH, one PATCH that does not say what part it is. */
export type UploadForm = (typeof forms)[number];

const forms = ['whole', 'pieces', 'stream'] as const;

/**
 * The ways to send one blob and what the registry made of them. A whole comes first: pieces are too large for some
 * registries and too small for others, and both do not tell (demand-and-quirks reference, Q-43 and Q-44).
 */
export class UploadForms {
  readonly #size: number;
  readonly #traits: RegistryTraits;
  /** What the settings of the host allow at once. */
  readonly #allowed: number;
  readonly #refused = new Map<UploadForm, ResponseError>();
  #chunkSize: number;
  #accepted = 0;
  /** Times a whole was cut off; a failure of the server counts half. */
  #breaks = 0;

  constructor({ transport, repository: { registry } }: RepositoryClient, size: number) {
    const { chunkSize } = transport.settingsOf(registry);
    this.#size = size;
    this.#traits = transport.traitsOf(registry);
    this.#allowed = chunkSize ?? Number.POSITIVE_INFINITY;
    this.#chunkSize = chunkSize ?? this.#traits.chunkSize ?? defaultChunkSize;
  }

  /** Bytes of a piece, as far as that can be said before there is a session. */
  get wishedSize(): number {
    return this.#chunkSize;
  }

  /** The size of the largest piece that was taken. */
  get accepted(): number {
    return this.#accepted;
  }

  choose(session: UploadSession): UploadForm {
    const refusedWhole = this.#traits.refusedWhole ?? Number.POSITIVE_INFINITY;
    const largest = Math.min(this.#allowed, session.maxChunk, refusedWhole - 1);
    // Pieces keep what they achieved; a whole that was cut off starts again.
    const isCutOff = this.#breaks >= (this.#size > this.pieceSize(session) ? 1 : 2);
    if ((this.#size > largest || isCutOff) && !this.isRefused('pieces')) return 'pieces';
    return forms.find((form) => !this.isRefused(form)) ?? 'whole';
  }

  isRefused(form: UploadForm): boolean {
    return this.#refused.has(form);
  }

  pieceSize(session: UploadSession): number {
    return chunkSizeFor(session, this.#chunkSize);
  }

  noteBreak(error: NetworkError | ResponseError): void {
    if (error.code !== 'RATE_LIMITED') this.#breaks += error instanceof NetworkError ? 1 : 0.5;
  }

  noteAccepted(bytes: number): void {
    this.#accepted = Math.max(this.#accepted, bytes);
  }

  /** @returns whether pieces smaller than one of so many bytes may be tried */
  shrink(session: UploadSession, refused: number): boolean {
    const smaller = smallerChunk(session, refused);
    if (smaller !== undefined) this.#chunkSize = smaller;
    return smaller !== undefined;
  }

  /** @throws the first refusal when no way is left */
  refuse(form: UploadForm, error: ResponseError): void {
    this.#refused.set(form, error);
    if (forms.every((one) => this.isRefused(one))) throw this.#refused.get('whole') ?? error;
  }

  /** After a success: what was found out spares the next blobs the same refusals. */
  remember(): void {
    const refusal = this.#refused.get('whole');
    if (refusal !== undefined) {
      const size = refusesAnySize(refusal) ? 0 : this.#size;
      this.#traits.refusedWhole = Math.min(this.#traits.refusedWhole ?? size, size);
    }
    if (this.#accepted > 0 && this.#chunkSize < defaultChunkSize) this.#traits.chunkSize = this.#chunkSize;
  }
}
