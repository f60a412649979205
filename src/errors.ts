/** Machine-readable reason of an {@link OciError}; programs branch on it, people read the message. */
export type ErrorCode =
  /** A tag, manifest, blob, repository or file does not exist. */
  | 'NOT_FOUND'
  /** Text is not a reference, repository, registry or tag. */
  | 'INVALID_REFERENCE'
  | 'INVALID_DIGEST'
  | 'INVALID_PLATFORM'
  /** A manifest or index is malformed, ambiguous or contradicts itself. */
  | 'INVALID_MANIFEST'
  /** An image config is malformed or contradicts its manifest. */
  | 'INVALID_CONFIG'
  /** A tar, gzip, zstd or docker archive is malformed or cut short. */
  | 'INVALID_ARCHIVE'
  /** A directory is no usable OCI image layout. */
  | 'INVALID_LAYOUT'
  /** A file this program reads its settings or credentials from is malformed. */
  | 'INVALID_SETTINGS'
  /** The file system refused: permission, space, a directory that is none. */
  | 'FILE_SYSTEM'
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  /** Something from outside is larger than the limit that protects this process. */
  | 'LIMIT_EXCEEDED'
  /** The content or the other side cannot do what was asked. */
  | 'UNSUPPORTED'
  /** No manifest of an index fits the wanted platform. */
  | 'NO_MATCHING_PLATFORM'
  /** An image is not built on the base that was named. */
  | 'BASE_MISMATCH'
  /** More than one thing fits and the caller has to choose. */
  | 'AMBIGUOUS'
  /** A part of a content lies outside of it, or does not continue what is there. */
  | 'OUT_OF_RANGE'
  /** A registry refuses a manifest because it lacks content that the manifest names. */
  | 'MISSING_CONTENT'
  /** The target exists and must not be replaced, or what is to be deleted has names that nobody gave up. */
  | 'CONFLICT'
  /** The registry wants credentials or refused those it got (401). */
  | 'UNAUTHORIZED'
  /** The registry knows who is asking and refuses (403). */
  | 'DENIED'
  /** Settings of this machine forbid it. */
  | 'BLOCKED'
  /** A credential helper failed. */
  | 'CREDENTIALS'
  /** The server asked for fewer requests (429 and its disguises). */
  | 'RATE_LIMITED'
  /** Connection refused, reset, name not found, TLS failure, closed in the middle. */
  | 'NETWORK'
  | 'TIMEOUT'
  /** The server answered, but not in a way the protocol allows. */
  | 'RESPONSE';

export interface OciErrorOptions extends ErrorOptions {
  /** What to do next, as one sentence without a full stop. */
  readonly hint?: string | undefined;
}

/** Every failure this library throws on purpose. Wrong arguments by a programmer are `TypeError` or `RangeError`. */
export class OciError extends Error {
  override readonly name: string = 'OciError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get isOciError(): true {
    return true;
  }
}

/** Whether `value` is an {@link OciError}, optionally one with the given code. Works across copies of the package. */
export function isOciError(value: unknown, code?: ErrorCode): value is OciError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'isOciError' in value &&
    (code === undefined || (value as OciError).code === code)
  );
}

/** Shows a value from outside inside a message: quoted, control characters escaped, at most 200 characters long. */
export function quoted(value: string): string {
  const shown = value.length > 200 ? `${value.slice(0, 200)}…` : value;
  return JSON.stringify(shown);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Joins a sentence behind a colon, unless it starts with a name in capitals. */
export function lowerFirst(text: string): string {
  return /^(?:[A-Z][a-z]|An? )/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
