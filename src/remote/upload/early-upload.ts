import { joinSignals } from '../../async/join-signals.ts';
import type { GrowingContent } from '../../content/growing-file.ts';
import type { CallOptions } from '../../options.ts';
import { type CloudName, cloudOf } from '../auth/cloud-hosts.ts';
import type { RepositoryClient } from '../repository-client.ts';
import { ResponseError } from '../transport/response-error.ts';
import { isRetryable } from '../transport/retry.ts';
import { UploadForms } from './forms.ts';
import { offsetAfterPiece } from './offsets.ts';
import { endsSession, refusesForm } from './refusal.ts';
import { patchBlob } from './requests.ts';
import { cancelSession, openSession, receivedIn, sessionAfter, type UploadSession } from './session.ts';

/** An upload that others go on with. */
export interface StartedUpload {
  readonly session: UploadSession;
  /** Bytes that the registry has, by all signs. */
  readonly received: number;
  /** The end of what was sent last: more than `received` where that broke off, and the session has to be asked. */
  readonly sent: number;
}

/**
 * Sends what is there of a blob that is still being made, piece by piece, for as long as it is made; then the upload proper
 * goes on in the same session. A blob that never comes to two pieces is left to that altogether. Whatever goes wrong ends it
 * without a word: the upload proper meets the same, or does better.
 */
export class EarlyUpload {
  readonly content: GrowingContent;
  readonly #client: RepositoryClient;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #sending: Promise<StartedUpload | undefined>;
  /** Who has taken it answers for its session. */
  #isTaken = false;

  constructor(client: RepositoryClient, content: GrowingContent, { signal }: CallOptions) {
    this.content = content;
    this.#client = client;
    this.#signal = joinSignals(signal, content.failed, this.#abort.signal);
    this.#sending = this.#send();
  }

  /** Hands over what was achieved, when the request that is under way has its answer. To be called once. */
  async take(signal: AbortSignal | undefined): Promise<StartedUpload | undefined> {
    this.#isTaken = true;
    const giveUp = (): void => this.#abort.abort(signal?.reason);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal?.aborted === true) giveUp();
      return await this.#sending;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Ends it, and cancels its session, unless it was taken. */
  async cancel(): Promise<void> {
    if (this.#isTaken) return;
    this.#isTaken = true;
    this.#abort.abort(new Error('Nobody wants it any longer'));
    const started = await this.#sending;
    if (started !== undefined) await cancelSession(this.#client, started.session);
  }

  async #send(): Promise<StartedUpload | undefined> {
    let started: StartedUpload | undefined;
    try {
      const forms = new UploadForms(this.#client, Number.POSITIVE_INFINITY);
      if (!(await this.#hasMoreThan(forms.wishedSize)) || !takesPieces(this.#client)) return undefined;
      started = { session: await openSession(this.#client, 'sha256', this.#signal), received: 0, sent: 0 };
      for (;;) {
        const size = forms.pieceSize(started.session);
        const [start, end] = [started.received, started.received + size];
        if (!(await this.#hasMoreThan(end))) return started;
        started = { ...started, sent: end };
        started = await this.#sendPiece(started.session, start, end);
      }
    } catch (error) {
      const isOver = this.#signal.aborted || !isRetryable(error);
      // One that has taken a piece may have forgotten the session since.
      if (started?.received === 0 && refusesPieces(error)) noteRefusal(this.#client);
      if (!isOver || started === undefined) return started;
      await cancelSession(this.#client, started.session);
      return undefined;
    }
  }

  /** Whether there are so many bytes and others are still to come. */
  async #hasMoreThan(size: number): Promise<boolean> {
    const reached = await this.content.reach(size + 1, { signal: this.#signal });
    this.#signal.throwIfAborted();
    return reached > size && this.content.result === undefined;
  }

  async #sendPiece(session: UploadSession, start: number, end: number): Promise<StartedUpload> {
    const { content } = this;
    const signal = this.#signal;
    const answer = await patchBlob(this.#client, {
      session,
      body: {
        size: end - start,
        replayable: true,
        async *open() {
          yield* await content.read(start, end, { signal });
        },
      },
      range: { start, end },
      signal,
    });
    const kept = offsetAfterPiece({ start, end }, receivedIn(answer.headers));
    const received = kept === 'stuck' ? end : kept;
    return { session: sessionAfter(session, answer, this.#client), received, sent: received };
  }
}

/** Those of clouds that are known to want blobs whole, or in smaller pieces (demand-and-quirks reference, Q-44 and Q-46). */
const unwilling: ReadonlySet<CloudName | undefined> = new Set(['google', 'ghcr']);

/** Whether anything is worth a try: what is refused in the end was sent in vain. */
function takesPieces({ transport, repository: { registry } }: RepositoryClient): boolean {
  const isUnwilling = unwilling.has(cloudOf(registry)) && transport.settingsOf(registry).chunkSize === undefined;
  return !isUnwilling && transport.traitsOf(registry).refusesPieces !== true;
}

function refusesPieces(error: unknown): boolean {
  return error instanceof ResponseError && refusesForm(error) && !endsSession(error);
}

function noteRefusal({ transport, repository: { registry } }: RepositoryClient): void {
  transport.traitsOf(registry).refusesPieces = true;
}
