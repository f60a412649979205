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
 * Reads what a server said about a failure. Besides the specification's `{"errors": […]}` it knows what token servers,
 * proxies and object stores say (demand-and-quirks reference, Q-82): `{"details": "…"}`, `{"message": "…"}`,
 * `{"error": "…", "error_description": "…"}`, `{"error": {…}}`, `{"detail": "…"}`, a JSON text, and S3's XML. Anything else
 * gives an empty list.
 */
export function parseErrorBody(bytes: Uint8Array): readonly WireError[] {
  const document = documentOf(bytes);
  if (document === undefined) return xmlError(new TextDecoder().decode(bytes.subarray(0, maxXml)));
  if (typeof document === 'string') return document.trim() === '' ? [] : [{ code: '', message: document }];
  if (Array.isArray(document)) return wireErrors(document);
  if (!isRecord(document)) return [];
  const { errors, error } = document;
  if (Array.isArray(errors)) return wireErrors(errors);
  for (const inner of [errors, error]) if (isRecord(inner)) return loneError(inner);
  return loneError(document);
}

/** The title of an HTML page, on one line. */
export function pageTitle(text: string): string | undefined {
  const [, title = ''] = /<(?:title|h1)[^>]{0,200}>([^<]{1,500})/i.exec(text) ?? [];
  const words = plainText(title).replaceAll(/\s+/g, ' ').trim();
  return words === '' ? undefined : words;
}

/** A document lists one or two errors; a hostile one must not make a message of thousands. */
const maxErrors = 20;
/** Object stores say it in the first lines. */
const maxXml = 4096;

/** `undefined` for what is no JSON. */
function documentOf(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, 'The error document', 'RESPONSE');
  } catch {
    return undefined;
  }
}

function wireErrors(values: readonly unknown[]): readonly WireError[] {
  return values.slice(0, maxErrors).flatMap((value) => wireError(value));
}

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
  const code = firstText(document, 'code', 'error');
  const message = firstText(document, 'message', 'error_description', 'details', 'detail', 'msg', 'title');
  const { detail } = document;
  if (code === '' && message === '') return detail === undefined ? [] : wireError({ detail });
  return [{ code, message }];
}

function firstText(document: Readonly<Record<string, unknown>>, ...names: readonly string[]): string {
  return names.map((name) => textOf(document[name])).find((text) => text !== '') ?? '';
}

/** `<Error><Code>AccessDenied</Code><Message>…</Message>…</Error>`. */
function xmlError(text: string): readonly WireError[] {
  if (!/^\s*(?:<\?xml[^>]{0,200}\?>\s*)?<Error\b/.test(text)) return [];
  const code = element(text, 'Code');
  const message = element(text, 'Message');
  return code === '' && message === '' ? [] : [{ code, message }];
}

function element(text: string, name: 'Code' | 'Message'): string {
  return plainText(new RegExp(`<${name}>([^<]{1,1000})`).exec(text)?.[1] ?? '').trim();
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function plainText(markup: string): string {
  return markup.replaceAll(/&(\w{1,8});/g, (whole, name: string) => entities[name] ?? whole);
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
