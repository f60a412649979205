import { OciError, quoted } from '../errors.ts';

/**
 * Checks an untrusted value and gives it a type. Fields it does not know stay where they are.
 *
 * @param path where the value stands, for the message: `layers[2].size`
 * @throws {OciError} `INVALID_MANIFEST`
 */
export type Decoder<T> = (value: unknown, path: string) => T;

/** The type a decoder gives. */
export type Infer<D> = D extends Decoder<infer T> ? T : never;

type Fields<S> = { readonly [K in keyof S]: Infer<S[K]> };

export function string(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(value, path, 'a string');
  return value;
}

export function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw wrong(value, path, 'true or false');
  return value;
}

/** A whole number from 0 to 2^53-1: sizes and counts. */
export function integer(value: unknown, path: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw wrong(value, path, 'a whole number that is not negative');
  return value as number;
}

export function array<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(value, path, 'a list');
    return value.map((element, i) => item(element, `${path}[${i}]`));
  };
}

/** A map with values of one kind. Own keys only; `null` values, which Go writes and reads as empty, count as absent. */
export function record<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value, path) => {
    const result = Object.create(null) as Record<string, T>;
    for (const [key, element] of Object.entries(asObject(value, path))) {
      if (element !== null) result[key] = item(element, `${path}[${quoted(key)}]`);
    }
    return result;
  };
}

/** Absent and `null` give `fallback`, by default `undefined`. */
export function optional<T>(item: Decoder<T>): Decoder<T | undefined>;
export function optional<T>(item: Decoder<T>, fallback: T): Decoder<T>;
export function optional<T>(item: Decoder<T>, fallback?: T): Decoder<T | undefined> {
  return (value, path) => (value === undefined || value === null ? fallback : item(value, path));
}

/** An object with the named fields; the others are kept as they are. */
export function object<S extends Readonly<Record<string, Decoder<unknown>>>>(shape: S): Decoder<Fields<S>> {
  const fields = Object.entries(shape);
  return (value, path) => {
    const source = asObject(value, path);
    const result: Record<string, unknown> = { ...source };
    for (const [key, decode] of fields) {
      const decoded = decode(
        Object.hasOwn(source, key) ? source[key] : undefined,
        path === '' ? key : `${path}.${key}`,
      );
      if (decoded === undefined) delete result[key];
      else result[key] = decoded;
    }
    return result as Fields<S>;
  };
}

function asObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(value, path, 'an object');
  return value as Readonly<Record<string, unknown>>;
}

function wrong(value: unknown, path: string, expected: string): OciError {
  const found = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
  return new OciError(
    'INVALID_MANIFEST',
    `${path === '' ? 'The document' : path} should be ${expected}, found ${found}`,
  );
}
