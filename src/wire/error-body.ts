import { parseJson } from '../oci/json.ts';

/** One entry of a registry's error document. OCI distribution-spec, "Error Codes". */
export interface WireError {
  /** Upper case, as the specification lists them; empty when the server named none. */
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

/** The JSON text of an error document. */
export function formatErrorBody(errors: readonly WireError[]): string {
  return JSON.stringify({ errors });
}

/**
 * Reads what a server said about a failure. Besides the specification's `{"errors": […]}` it knows the shapes of token
 * servers: `{"details": "…"}`, `{"message": "…"}`, `{"error": "…", "error_description": "…"}`. Anything else gives an empty list.
 */
export function parseErrorBody(bytes: Uint8Array): readonly WireError[] {
  let document: unknown;
  try {
    document = parseJson(bytes, 'The error document', 'RESPONSE');
  } catch {
    return [];
  }
  if (!isRecord(document)) return [];
  const { errors } = document;
  if (Array.isArray(errors)) return errors.slice(0, maxErrors).flatMap((error) => wireError(error));
  return loneError(document);
}

/** A document lists one or two errors; a hostile one must not make a message of thousands. */
const maxErrors = 20;

function wireError(value: unknown): readonly WireError[] {
  if (typeof value === 'string') return [{ code: '', message: value }];
  if (!isRecord(value)) return [];
  const code = textOf(value['code']);
  const message = textOf(value['message']);
  const detail = value['detail'];
  if (code === '' && message === '' && detail === undefined) return [];
  return [{ code, message, ...(detail === undefined || detail === null ? {} : { detail }) }];
}

function loneError(document: Readonly<Record<string, unknown>>): readonly WireError[] {
  const code = textOf(document['code']) || textOf(document['error']);
  const message = textOf(document['message']) || textOf(document['error_description']) || textOf(document['details']);
  return code === '' && message === '' ? [] : [{ code, message }];
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
