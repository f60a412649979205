import { type ErrorCode, isOciError, messageOf, OciError } from '../errors.ts';
import { formatErrorBody, type WireError } from '../wire/error-body.ts';
import type { Route } from '../wire/routes.ts';
import { json, type RegistryResponse } from './exchange.ts';

/** Codes of the error document. OCI distribution-spec, "Error Codes". */
export type WireCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS';

interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly detail?: unknown;
}

/** A refusal that knows its answer, for what the code of an {@link OciError} alone does not tell. */
export class Refusal extends OciError {
  readonly status: number;
  readonly errors: readonly WireError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: WireCode, message: string, { headers = {}, detail }: RefusalOptions = {}) {
    super('RESPONSE', message);
    this.status = status;
    this.errors = [{ code, message, ...(detail === undefined ? {} : { detail }) }];
    this.headers = headers;
  }
}

/** The answer to a request that failed. */
export function failureResponse(error: unknown, route: Route | undefined): RegistryResponse {
  if (error instanceof Refusal) return errorResponse(error.status, error.errors, error.headers);
  const answer = answerTo(error);
  if (answer === undefined) {
    // The reason would show paths and the like to whoever asks.
    return errorResponse(500, [{ code: 'UNKNOWN', message: 'The registry failed to answer; its log says why' }]);
  }
  const [status, code] = answer;
  const wireCode = isOciError(error, 'NOT_FOUND') ? unknownOf(route) : code;
  return errorResponse(status, [{ code: wireCode, message: messageOf(error) }]);
}

/** Whether a failure is the server's own and not the client's or an upstream's. */
export function isUnexpected(error: unknown): boolean {
  return !(error instanceof Refusal) && answerTo(error) === undefined;
}

/** Another copy of the package may throw codes that this one does not know. */
function answerTo(error: unknown): Answer | undefined {
  return isOciError(error) && Object.hasOwn(answers, error.code) ? answers[error.code] : undefined;
}

type Answer = readonly [status: number, code: WireCode];

/** `undefined` is for failures of the server itself. */
const answers: Readonly<Record<ErrorCode, Answer | undefined>> = {
  NOT_FOUND: [404, 'MANIFEST_UNKNOWN'],
  INVALID_REFERENCE: [400, 'NAME_INVALID'],
  INVALID_DIGEST: [400, 'DIGEST_INVALID'],
  INVALID_PLATFORM: [400, 'MANIFEST_INVALID'],
  INVALID_MANIFEST: [400, 'MANIFEST_INVALID'],
  INVALID_CONFIG: [400, 'MANIFEST_INVALID'],
  INVALID_ARCHIVE: [400, 'BLOB_UPLOAD_INVALID'],
  INVALID_LAYOUT: undefined,
  INVALID_SETTINGS: undefined,
  FILE_SYSTEM: undefined,
  DIGEST_MISMATCH: [400, 'DIGEST_INVALID'],
  SIZE_MISMATCH: [400, 'SIZE_INVALID'],
  LIMIT_EXCEEDED: [413, 'SIZE_INVALID'],
  OUT_OF_RANGE: [416, 'BLOB_UPLOAD_INVALID'],
  UNSUPPORTED: [405, 'UNSUPPORTED'],
  NO_MATCHING_PLATFORM: [404, 'MANIFEST_UNKNOWN'],
  BASE_MISMATCH: undefined,
  AMBIGUOUS: [409, 'UNSUPPORTED'],
  MISSING_CONTENT: [400, 'MANIFEST_BLOB_UNKNOWN'],
  CONFLICT: [409, 'DENIED'],
  UNAUTHORIZED: [401, 'UNAUTHORIZED'],
  DENIED: [403, 'DENIED'],
  BLOCKED: [403, 'DENIED'],
  CREDENTIALS: [502, 'DENIED'],
  RATE_LIMITED: [429, 'TOOMANYREQUESTS'],
  NETWORK: [502, 'UNSUPPORTED'],
  TIMEOUT: [504, 'UNSUPPORTED'],
  RESPONSE: [502, 'UNSUPPORTED'],
};

function unknownOf(route: Route | undefined): WireCode {
  switch (route?.kind) {
    case 'blob':
      return 'BLOB_UNKNOWN';
    case 'uploads':
    case 'upload':
      return 'BLOB_UPLOAD_UNKNOWN';
    case 'manifest':
      return 'MANIFEST_UNKNOWN';
    default:
      return 'NAME_UNKNOWN';
  }
}

function errorResponse(
  status: number,
  errors: readonly WireError[],
  headers: Readonly<Record<string, string>> = {},
): RegistryResponse {
  return { ...json(status, formatErrorBody(errors), headers), errors };
}
