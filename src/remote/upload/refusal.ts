import { NetworkError } from '../transport/exchange.ts';
import { ResponseError } from '../transport/response-error.ts';

/** Whether a registry refuses the way a blob is sent, rather than the blob (demand-and-quirks reference, Q-44 and Q-46). */
export function refusesForm(error: ResponseError): boolean {
  return formStatuses.has(error.status) && !error.errors.some(({ code }) => contentCodes.has(code.toUpperCase()));
}

const formStatuses: ReadonlySet<number> = new Set([400, 404, 405, 411, 413, 415, 416, 501]);
const contentCodes: ReadonlySet<string> = new Set(['DIGEST_INVALID', 'NAME_INVALID', 'NAME_UNKNOWN', 'DENIED']);

/** Whether the session is over: ACR and object stores end it after a failure. */
export function endsSession({ status, errors }: ResponseError): boolean {
  return status === 404 && errors.some(({ code }) => /^BLOB_UPLOAD_(?:UNKNOWN|INVALID)$/i.test(code));
}

/** Whether a registry knows no such request at all, of whatever size. */
export function refusesAnySize({ status }: ResponseError): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** Whether the blob may be complete all the same: its answer was lost, or a second closing request met a closed session. */
export function mayHaveArrived(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof ResponseError && (error.status >= 500 || error.status === 404 || error.status === 408);
}

/** ECR and others close the connection of an upload to a repository that does not exist. */
export function withRepositoryHint(error: unknown): unknown {
  if (!(error instanceof NetworkError) || error.fault !== 'reset') return error;
  const { fault, message, cause, reused, retryable } = error;
  const hint = 'The repository may not exist: some registries then close the connection. Create it, or try again';
  return new NetworkError(fault, message, { cause, hint, reused, retryable });
}
