import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf } from '../../oci/digest.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { RepositoryClient } from '../repository-client.ts';
import type { NetworkError } from '../transport/exchange.ts';
import { ResponseError } from '../transport/response-error.ts';
import { isRetryable } from '../transport/retry.ts';
import type { UploadContent } from './content.ts';
import { ContentReader } from './content-reader.ts';
import type { StartedUpload } from './early-upload.ts';
import { type UploadForm, UploadForms } from './forms.ts';
import { offsetAfterPiece, offsetsAfterBreak } from './offsets.ts';
import { UploadPatience } from './patience.ts';
import { endsSession, mayHaveArrived, refusesForm, withRepositoryHint } from './refusal.ts';
import { isThere, patchBlob, putBlob } from './requests.ts';
import { askSession, cancelSession, openSession, receivedIn, sessionAfter, type UploadSession } from './session.ts';

export interface UploadOptions extends TransferOptions {
  /** A session that is open already, from a mount the registry turned into one. */
  readonly session?: UploadSession | undefined;
  /** What was sent already, while the blob was made. */
  readonly started?: StartedUpload | undefined;
}

/**
 * Uploads a blob: one POST for a session and one PUT with all bytes, while nothing speaks against it. Goes on where it broke,
 * in pieces, as long as bytes advance; sends in pieces what is refused as a whole. A session that comes to nothing is cancelled.
 *
 * @throws {OciError} `DIGEST_MISMATCH`, `SIZE_MISMATCH`: the registry then never gets the last bytes
 */
export async function uploadBlob(
  client: RepositoryClient,
  expected: Descriptor,
  content: UploadContent,
  options: UploadOptions,
): Promise<void> {
  await new BlobUpload(client, expected, content, options).run();
}

class BlobUpload {
  readonly #client: RepositoryClient;
  readonly #target: Descriptor;
  readonly #content: ContentReader;
  readonly #options: UploadOptions;
  readonly #patience: UploadPatience;
  readonly #forms: UploadForms;
  readonly #cancelled: Promise<void>[] = [];
  #session: UploadSession | undefined;
  #form: UploadForm = 'whole';
  /** Where the next byte goes in this session. */
  #offset = 0;
  /** The end of what was sent last, and whether that is all. */
  #sent = 0;
  #allSent = false;
  /** Offsets to try when the one in use is refused. */
  #others: readonly number[] = [];
  /** An offset that was refused. */
  #refusedAt: number | undefined;
  /** Something broke: the session has to be asked how much it has. */
  #unsure = false;
  /** What the registry says about offsets turned out wrong. */
  #distrusted = false;
  /** It was gone on where the registry said. */
  #resumed = false;
  #lastError: unknown;
  /** The bytes that are missing cannot be read again. */
  #hopeless = false;

  constructor(client: RepositoryClient, target: Descriptor, content: UploadContent, options: UploadOptions) {
    const { signal, session, onProgress } = options;
    this.#client = client;
    this.#target = target;
    this.#content = new ContentReader(content, target, signal);
    this.#options = options;
    this.#session = session;
    this.#forms = new UploadForms(client, target.size);
    const tries = client.transport.tries(
      signal,
      onProgress === undefined
        ? undefined
        : (attempt, delayMs, { message }) => onProgress({ type: 'retry', target, attempt, delayMs, message }),
    );
    this.#patience = new UploadPatience(tries, target.size);
  }

  async run(): Promise<void> {
    // At the same time as the session: both may take a round trip.
    this.#content.prepare(this.#options.started?.received ?? 0);
    try {
      if (this.#options.started !== undefined) this.#goOn(this.#options.started);
      else if (this.#session !== undefined) this.#begin(this.#session);
      while (!(await this.#attempt())) this.#options.signal?.throwIfAborted();
      this.#forms.remember();
    } catch (error) {
      this.#abandonSession();
      throw this.#patience.best === 0 && this.#forms.accepted === 0 ? withRepositoryHint(error) : error;
    } finally {
      await Promise.all([...this.#cancelled, this.#content.close()]);
    }
  }

  /** @returns whether the blob is there */
  async #attempt(): Promise<boolean> {
    try {
      this.#options.signal?.throwIfAborted();
      return await this.#send();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (this.#content.failure !== undefined) throw this.#content.failure.error;
      if (this.#hopeless) throw error;
      this.#lastError = error;
      return this.#recover(error);
    }
  }

  async #send(): Promise<boolean> {
    if (this.#unsure && this.#session !== undefined && (await this.#resync(this.#session))) return true;
    this.#requireContent(this.#session === undefined ? 0 : this.#offset);
    if (this.#session === undefined) {
      this.#begin(await openSession(this.#client, algorithmOf(this.#target.digest), this.#options.signal));
    }
    if (this.#content.failure !== undefined) throw this.#content.failure.error;
    if (this.#form === 'whole') {
      await this.#put(0);
    } else {
      while (this.#offset < this.#target.size) await this.#patch();
      await this.#put(this.#target.size);
    }
    this.#session = undefined;
    return true;
  }

  #requireContent(start: number): void {
    if (this.#content.canRead(start)) return;
    this.#hopeless = true;
    throw this.#lastError;
  }

  #begin(session: UploadSession): void {
    this.#session = session;
    this.#offset = 0;
    this.#sent = 0;
    this.#allSent = false;
    this.#others = [];
    this.#refusedAt = undefined;
    this.#unsure = false;
    this.#resumed = false;
    this.#form = this.#forms.choose(session);
  }

  #goOn({ session, received, sent }: StartedUpload): void {
    this.#begin(session);
    if (received > 0) this.#form = 'pieces';
    this.#resumed = true;
    this.#sent = sent;
    this.#unsure = sent > received;
    this.#moveTo(received);
  }

  /** The closing request, with all bytes or with none. */
  async #put(start: number): Promise<void> {
    const { size, digest } = this.#target;
    const onEnd = (): void => {
      this.#allSent = true;
      this.#options.onProgress?.({ type: 'commit', target: this.#target });
    };
    this.#sent = size;
    const isEmpty = start === size && size > 0;
    if (isEmpty) onEnd();
    await putBlob(this.#client, {
      session: this.#current,
      digest,
      body: isEmpty ? new Uint8Array(0) : await this.#content.piece(start, size, onEnd),
      signal: this.#options.signal,
    });
  }

  async #patch(): Promise<void> {
    const { size, digest } = this.#target;
    const start = this.#offset;
    const isStream = this.#form === 'stream' && start === 0;
    const end = isStream ? size : Math.min(size, start + this.#forms.pieceSize(this.#current));
    this.#sent = end;
    this.#allSent = false;
    const answer = await patchBlob(this.#client, {
      session: this.#current,
      digest,
      body: await this.#content.piece(start, end, () => {}),
      range: isStream ? undefined : { start, end },
      signal: this.#options.signal,
    });
    this.#session = sessionAfter(this.#current, answer, this.#client);
    this.#forms.noteAccepted(end - start);
    this.#others = [];
    this.#moveTo(this.#offsetAfter({ start, end }, receivedIn(answer.headers)));
  }

  #offsetAfter(piece: { start: number; end: number }, stated: number | undefined): number {
    if (this.#distrusted) return piece.end;
    const offset = offsetAfterPiece(piece, stated);
    if (offset === 'stuck') this.#distrusted = true;
    if (offset === 'stuck' || offset === piece.end || !this.#content.canRead(offset)) return piece.end;
    this.#resumed = true;
    this.#others = [piece.end];
    return offset;
  }

  #moveTo(offset: number): void {
    this.#offset = offset;
    this.#patience.reached(offset);
  }

  /** Asks how much of the upload is there. @returns whether all of it is, and no session any more */
  async #resync(session: UploadSession): Promise<boolean> {
    const found = await askSession(this.#client, session, this.#options.signal);
    this.#unsure = false;
    if (found === undefined) {
      if (this.#allSent && (await this.#isThere())) return true;
      this.#restart();
      return false;
    }
    this.#session = found.session;
    const evidence = { stated: found.received, believed: this.#offset, sent: this.#sent, distrusted: this.#distrusted };
    const [offset, ...others] = offsetsAfterBreak(evidence);
    this.#others = others;
    this.#resumed ||= offset > 0;
    this.#moveTo(offset);
    if (this.#form === 'whole') this.#leaveWhole(found.session, offset);
    return false;
  }

  /** After a break in a whole: what is there already need not be sent again. */
  #leaveWhole(session: UploadSession, offset: number): void {
    if (offset === 0) this.#form = this.#forms.choose(session);
    else if (this.#forms.isRefused('pieces')) this.#restart();
    else this.#form = 'pieces';
  }

  async #recover(error: unknown): Promise<boolean> {
    if (this.#session === undefined) throw error;
    const isAnswerToPut = this.#allSent && !this.#unsure;
    if (isAnswerToPut && mayHaveArrived(error) && (await this.#isThere())) return true;
    if (isRetryable(error)) await this.#afterBreak(error);
    else if (!(error instanceof ResponseError)) throw error;
    else if (this.#isLateRefusal(error)) this.#askAgain();
    else if (this.#offset < this.#target.size && this.#form !== 'whole') this.#afterRefusedPiece(error);
    else this.#afterRefusedPut(error);
    return false;
  }

  /** A token that ended while a stream was read: a new one is there, but only what is kept of the stream can be sent again. */
  #isLateRefusal({ status }: ResponseError): boolean {
    return status === 401 && !this.#content.canRead(this.#form === 'whole' ? 0 : this.#offset);
  }

  async #afterBreak(error: NetworkError | ResponseError): Promise<void> {
    if (this.#form === 'whole') this.#forms.noteBreak(error);
    this.#unsure = true;
    await this.#patience.pause(error);
  }

  #afterRefusedPut(error: ResponseError): void {
    if (endsSession(error) && this.#patience.isFresh) return this.#restart();
    if (!refusesForm(error) && !this.#resumed) throw error;
    // Pieces were put together on the registry's word, which may have been wrong.
    if (this.#resumed && this.#form !== 'whole' && error.status < 500) return this.#restart();
    this.#refuse(error);
  }

  #afterRefusedPiece(error: ResponseError): void {
    const { status } = error;
    const [next, ...others] = this.#others;
    if (status === 416 && next !== undefined) {
      this.#distrusted ||= next > this.#offset;
      this.#others = others;
      this.#offset = next;
      this.#unsure = false;
    } else if (status === 413 || (status === 416 && this.#pieceLength > this.#forms.accepted)) {
      this.#shrink(error);
    } else if (!refusesForm(error)) {
      throw error;
    } else if (status === 416 && this.#refusedAt !== this.#offset) {
      this.#askAgain();
    } else if (this.#forms.accepted > 0 || status === 416 || (endsSession(error) && this.#patience.isFresh)) {
      this.#restart();
    } else {
      this.#refuse(error);
    }
  }

  /** OCI distribution-spec, "Pushing a blob in chunks": what is valid after a 416 is to be asked. */
  #askAgain(): void {
    this.#patience.restart(this.#lastError);
    this.#refusedAt = this.#offset;
    this.#unsure = true;
  }

  get #pieceLength(): number {
    return this.#sent - this.#offset;
  }

  #shrink(error: ResponseError): void {
    if (this.#form === 'stream' || !this.#forms.shrink(this.#current, this.#pieceLength)) return this.#refuse(error);
    this.#unsure = true;
  }

  /** Tries the next way of sending a blob, with a new session: who knows what this one has taken. */
  #refuse(error: ResponseError): void {
    this.#forms.refuse(this.#form, error);
    this.#abandonSession();
  }

  #restart(): void {
    this.#patience.restart(this.#lastError);
    this.#abandonSession();
  }

  #abandonSession(): void {
    if (this.#session === undefined) return;
    this.#cancelled.push(cancelSession(this.#client, this.#session));
    this.#session = undefined;
  }

  async #isThere(): Promise<boolean> {
    if (!(await isThere(this.#client, this.#target, this.#options.signal))) return false;
    this.#session = undefined;
    return true;
  }

  get #current(): UploadSession {
    if (this.#session === undefined) throw new TypeError('There is no upload session');
    return this.#session;
  }
}
