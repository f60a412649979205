import { lateAbort } from '../../async/late-abort.ts';
import { OciError } from '../../errors.ts';
import type { DigestAlgorithm } from '../../oci/digest.ts';
import { parseUploadRange } from '../../wire/content-range.ts';
import type { RepositoryClient } from '../repository-client.ts';
import type { ResponseHeaders } from '../transport/exchange.ts';
import type { Answer } from '../transport/redirect.ts';
import { ResponseError } from '../transport/response-error.ts';
import { isRetryable } from '../transport/retry.ts';
import { locationIn } from './location.ts';

/** An upload that a registry has begun to take. */
export interface UploadSession {
  /** Where its next request goes; it may change with every answer. */
  readonly location: URL;
  /** Fewest bytes of a piece that is not the last. */
  readonly minChunk: number;
  /** Most bytes of any piece. */
  readonly maxChunk: number;
}

/**
 * Begins an upload. Given up while the registry answers, it is cancelled as soon as the answer tells what to cancel.
 *
 * @throws {ResponseError}, {@link NetworkError}; `RESPONSE` when the registry does not say where to send the blob
 */
export async function openSession(
  client: RepositoryClient,
  algorithm: DigestAlgorithm,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const late = lateAbort(signal, answerPatience);
  try {
    const answer = await client.perform({
      method: 'POST',
      path: `blobs/uploads/${algorithm === 'sha256' ? '' : `?digest-algorithm=${algorithm}`}`,
      purpose: `start an upload to ${client.name}`,
      expect: startedStatuses,
      access: 'push',
      signal: late.signal,
    });
    const session = sessionIn(answer, client);
    if (signal?.aborted === true) await cancelSession(client, session);
    signal?.throwIfAborted();
    return session;
  } finally {
    late.unlink();
  }
}

/** Milliseconds that the answer to the beginning of an upload is waited for when nobody wants it any more. */
export const answerPatience = 1000;

/** demand-and-quirks reference, Q-41. */
export const startedStatuses: readonly number[] = [200, 202, 204];

/** The session an answer to POST tells of. */
export function sessionIn(answer: Answer, client: RepositoryClient): UploadSession {
  const location = locationIn(answer, client);
  if (location === undefined) {
    throw new OciError('RESPONSE', `${client.repository.registry} started an upload without saying where`);
  }
  const maxChunk = bytesIn(answer.headers, 'oci-chunk-max-length');
  return {
    location,
    minChunk: Math.min(bytesIn(answer.headers, 'oci-chunk-min-length') ?? 0, largestMinimum),
    maxChunk: maxChunk === undefined || maxChunk < smallestMaximum ? Number.POSITIVE_INFINITY : maxChunk,
  };
}

/** The session after another answer. */
export function sessionAfter(session: UploadSession, answer: Answer, client: RepositoryClient): UploadSession {
  const location = locationIn(answer, client);
  return location === undefined ? session : { ...session, location };
}

/**
 * Asks how much of an upload is there.
 *
 * @returns `undefined` when the session is over or cannot be asked; `received` is the registry's word, which may be wrong
 */
export async function askSession(
  client: RepositoryClient,
  session: UploadSession,
  signal: AbortSignal | undefined,
): Promise<{ readonly session: UploadSession; readonly received: number | undefined } | undefined> {
  try {
    const answer = await client.perform({
      method: 'GET',
      path: session.location,
      purpose: `ask how far an upload to ${client.name} got`,
      expect: startedStatuses,
      access: 'push',
      retry: false,
      signal,
    });
    return { session: sessionAfter(session, answer, client), received: receivedIn(answer.headers) };
  } catch (error) {
    if (error instanceof ResponseError && error.status !== 401 && !isRetryable(error)) return undefined;
    throw error;
  }
}

/** How many bytes a registry says it has. */
export function receivedIn(headers: ResponseHeaders): number | undefined {
  return parseUploadRange(headers.get('range') ?? '');
}

/** Gives up an upload. Best effort and soon over: servers forget sessions by themselves. */
export async function cancelSession(client: RepositoryClient, { location }: UploadSession): Promise<void> {
  try {
    await client.perform({
      method: 'DELETE',
      path: location,
      purpose: `cancel an upload to ${client.name}`,
      expect: [200, 202, 204],
      access: 'push',
      retry: false,
      signal: AbortSignal.timeout(cancelTimeout),
    });
  } catch {
    // The failure that led here is the one to report.
  }
}

/** Milliseconds. */
const cancelTimeout = 3000;
/** Real ones ask for 5 MiB; 2^63 has been seen (demand-and-quirks reference, Q-43). */
const largestMinimum = 1024 * 1024 * 1024;
/** Real ones allow 4 MiB and more; a byte at a time would be millions of requests. */
const smallestMaximum = 64 * 1024;

function bytesIn(headers: ResponseHeaders, name: string): number | undefined {
  const text = headers.get(name)?.trim();
  return text !== undefined && /^[1-9]\d{0,29}$/.test(text) ? Number(text) : undefined;
}
