import { OciError } from '../../errors.ts';
import { type Digest, parseDigest } from '../digest.ts';
import { compareUtf8, encodeJson } from '../json.ts';
import { elementSpans, memberEntries } from '../json-spans.ts';
import { normalizeTimestamp, zeroTimestamp } from '../timestamp.ts';

/**
 * Reads a kind of value from the text of a JSON document and writes it as Go does. `encode(decode(text))` is what crane
 * makes of the text, and the same again. crane-library reference, sections 7.1 and 7.2.
 */
export interface Codec<T> {
  /** What stands for no value where one has to be written; `null` in a list or a map is read as this. */
  readonly absent: string;
  /**
   * @param text one JSON value, known to be well-formed, without white space around it
   * @param path where it stands, for the message
   * @throws {OciError} `INVALID_MANIFEST`
   */
  decode(text: string, path: string): T;
  encode(value: T): string;
  /** Whether a member with this value is left out where empty ones are. */
  isEmpty(value: T): boolean;
}

export const text: Codec<string> = {
  absent: '""',
  decode: (json, path) => textOf(json, path),
  encode: (value) => encodeJson(value),
  isEmpty: (value) => value === '',
};

export const flag: Codec<boolean> = {
  absent: 'false',
  decode(json, path) {
    if (json === 'true' || json === 'false') return json === 'true';
    throw unexpected(json, path, 'true or false');
  },
  encode: (value) => String(value),
  isEmpty: (value) => !value,
};

/** A whole number of 64 bits; a `bigint` where a `number` could not hold it. */
export const integer: Codec<number | bigint> = {
  absent: '0',
  decode(json, path) {
    const value = /^-?\d+$/.test(json) && json.length <= 20 ? BigInt(json) : undefined;
    if (value === undefined || BigInt.asIntN(64, value) !== value) {
      throw unexpected(json, path, 'a whole number of 64 bits');
    }
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  },
  encode: (value) => String(value),
  isEmpty: (value) => Number(value) === 0,
};

/** Go's zero value of a digest is written as a colon. */
export const digest: Codec<Digest> = {
  absent: '":"',
  decode: (json, path) => parseDigest(textOf(json, path)),
  encode: (value) => encodeJson(value),
  isEmpty: () => false,
};

export const timestamp: Codec<string> = {
  absent: encodeJson(zeroTimestamp),
  decode(json, path) {
    const time = normalizeTimestamp(textOf(json, path));
    if (time === undefined) throw unexpected(json, path, 'a time as RFC 3339 has it');
    return time;
  },
  encode: (value) => encodeJson(normalizeTimestamp(value) ?? value),
  isEmpty: () => false,
};

/** Bytes in base64. */
export const base64: Codec<string> = {
  absent: '""',
  decode(json, path) {
    const value = textOf(json, path).replace(/[\r\n]/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) throw unexpected(json, path, 'base64');
    // Bits that stand for nothing become zero.
    return value.endsWith('=') ? value.slice(0, -4) + btoa(atob(value.slice(-4))) : value;
  },
  encode: (value) => encodeJson(value),
  isEmpty: (value) => value === '',
};

export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    absent: 'null',
    decode(json, path) {
      if (!json.startsWith('[')) throw unexpected(json, path, 'a list');
      return elementSpans(json, 0).map(({ start, end }, i) =>
        decodeOrAbsent(item, json.slice(start, end), `${path}[${i}]`),
      );
    },
    encode: (value) => `[${value.map((element) => item.encode(element)).join(',')}]`,
    isEmpty: (value) => value.length === 0,
  };
}

/** Keys from outside in a `Map`: they may be `__proto__`, or numbers, which an object would reorder. */
export function map<T>(item: Codec<T>): Codec<ReadonlyMap<string, T>> {
  return {
    absent: 'null',
    decode(json, path) {
      if (!json.startsWith('{')) throw unexpected(json, path, 'an object');
      const result = new Map<string, T>();
      for (const { key, value } of memberEntries(json)) {
        const at = `${path}[${encodeJson(key)}]`;
        if (result.has(key)) throw repeated(at);
        result.set(key, decodeOrAbsent(item, json.slice(value.start, value.end), at));
      }
      return result;
    },
    encode(value) {
      const entries = Array.from(value).sort(([a], [b]) => compareUtf8(a, b));
      return `{${entries.map(([key, element]) => `${encodeJson(key)}:${item.encode(element)}`).join(',')}}`;
    },
    isEmpty: (value) => value.size === 0,
  };
}

/** @throws {OciError} `INVALID_MANIFEST` */
export function unexpected(json: string, path: string, expected: string): OciError {
  const found = json.length > 60 ? `${json.slice(0, 60)}…` : json;
  return new OciError(
    'INVALID_MANIFEST',
    `${path === '' ? 'The document' : path} should be ${expected}, found ${found}`,
  );
}

/** Readers differ in which of two members of one name counts: an attack. */
export function repeated(path: string): OciError {
  return new OciError('INVALID_MANIFEST', `${path} stands in the document twice`, {
    hint: 'Programs would read the document differently; build it again without the repetition',
  });
}

function textOf(json: string, path: string): string {
  if (!json.startsWith('"')) throw unexpected(json, path, 'a string');
  return JSON.parse(json) as string;
}

function decodeOrAbsent<T>(item: Codec<T>, json: string, path: string): T {
  return item.decode(json === 'null' ? item.absent : json, path);
}
