import { type ErrorCode, messageOf, OciError } from '../errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON document that came from outside.
 *
 * @param what names the document in the message: `Manifest sha256:…`
 * @throws {OciError} `code` when the bytes are not UTF-8, not JSON, or nested so deep that walking the document would
 *   exhaust the stack
 */
export function parseJson(bytes: Uint8Array, what: string, code: ErrorCode = 'INVALID_MANIFEST'): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new OciError(code, `${what} is not UTF-8 text`, { cause });
  }
  if (isDeep(text)) throw new OciError(code, `${what} is nested more than ${maxDepth} levels deep`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OciError(code, `${what} is not JSON: ${faultOf(cause)}`, { cause });
  }
}

/** Where the string ends whose quote is at `start`, behind its last quote. Strings are most of a document: they are skipped natively. */
export function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

/** Real documents have about ten levels. */
const maxDepth = 200;

/** Whether the brackets of a JSON text are nested too deep; of other text it may say either. */
function isDeep(text: string): boolean {
  return occurrences(text, '{') + occurrences(text, '[') > maxDepth && depthOf(text) > maxDepth;
}

/** How often a character is in a text, or a number above `maxDepth`. */
function occurrences(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at !== -1 && count <= maxDepth; at = text.indexOf(character, at + 1)) count++;
  return count;
}

function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = endOfString(text, i) - 1;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === '\\') start--;
  return (at - start) % 2 === 1;
}

/** What the parser says without the text that it quotes: the start of a document is of no help. */
function faultOf(error: unknown): string {
  return messageOf(error).replace(/, (?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON$/s, '');
}

/**
 * What {@link encodeJson} writes. Members of a `Map` come in the map's order; those of an object in the object's own, which
 * puts keys like `"10"` first: a document whose bytes matter uses `Map`s for keys from outside.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue | undefined>
  | { readonly [key: string]: JsonValue | undefined };

export interface EncodeJsonOptions {
  /** Written once per level in front of each line. @default everything on one line, without spaces */
  readonly indent?: string | undefined;
}

/**
 * Encodes as Go's `encoding/json` does, on which the digests of generated documents rest: `<`, `>`, `&`, U+2028 and U+2029
 * escaped, no final newline. Members that are `undefined` are left out. crane-library reference, section 7.
 */
export function encodeJson(value: JsonValue, options: EncodeJsonOptions = {}): string {
  return encodeValue(value, options.indent ?? '', options.indent === undefined ? '' : '\n');
}

/** The entries of a map from outside, ordered by the UTF-8 bytes of their keys as Go orders them. */
export function sortedByKey<T>(record: Readonly<Record<string, T>>): Map<string, T> {
  return new Map(Object.entries(record).sort(([a], [b]) => compareUtf8(a, b)));
}

/** Compares texts by their UTF-8 bytes; JavaScript's own order is that of UTF-16 units. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    // Surrogates stand for characters beyond U+FFFF, whose bytes come after those of every single unit.
    if (x !== y) return rankOf(x) - rankOf(y);
  }
  return a.length - b.length;
}

function encodeValue(value: JsonValue, indent: string, newline: string): string {
  if (value === null || typeof value !== 'object') return encodeScalar(value);
  const inner = newline === '' ? '' : newline + indent;
  if (isList(value)) {
    return enclosed(
      '[',
      ']',
      newline,
      inner,
      value.map((item) => encodeValue(item, indent, inner)),
    );
  }
  const members: string[] = [];
  for (const [key, member] of value instanceof Map ? value : Object.entries(value)) {
    if (member === undefined) continue;
    members.push(`${encodeScalar(key)}${newline === '' ? ':' : ': '}${encodeValue(member, indent, inner)}`);
  }
  return enclosed('{', '}', newline, inner, members);
}

function enclosed(open: string, close: string, newline: string, inner: string, items: readonly string[]): string {
  return items.length === 0 ? open + close : `${open}${inner}${items.join(`,${inner}`)}${newline}${close}`;
}

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

function encodeScalar(value: null | boolean | number | string): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  // Half a surrogate pair has no UTF-8 form; Go reads it as U+FFFD. To ask Unicode costs more than all the rest.
  const text = /[\ud800-\udfff]/.test(value) ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value;
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => escapes[character] ?? character);
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function rankOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
