/** Part of a content, in bytes: `start` is the first one, `end` the one after the last. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The `Content-Range` of an uploaded chunk: `0-1023`, both ends inclusive. OCI distribution-spec, "Pushing a blob in chunks".
 * HTTP's own form `bytes 0-1023/*`, which some clients send, is read too.
 *
 * @returns `undefined` when it is malformed
 */
export function parseChunkRange(text: string): ByteRange | undefined {
  const match = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(?:\d{1,16}|\*))?$/.exec(text.trim());
  return match === null ? undefined : inclusive(match[1], match[2]);
}

export function formatChunkRange({ start, end }: ByteRange): string {
  return `${start}-${end - 1}`;
}

/**
 * The `Range` of an answer about an upload: how many bytes the registry has. Registries write it in several ways (`0-1023`,
 * `bytes=0-1023`, `0--1`), and `0-0` stands for nothing as well as for one byte.
 *
 * @returns the number of bytes, `undefined` when it is malformed
 */
export function parseUploadRange(text: string): number | undefined {
  const match = /^(?:bytes[ =])?0-(-1|\d{1,16})$/.exec(text.trim());
  if (match === null) return undefined;
  const last = Number(match[1]);
  return Number.isSafeInteger(last) ? last + 1 : undefined;
}

/** The specification has no form for "nothing yet"; registries agree on `0-0`. */
export function formatUploadRange(received: number): string {
  return `0-${Math.max(received - 1, 0)}`;
}

/**
 * What a `Range` header asks of a content of `size` bytes. RFC 9110 section 14.
 *
 * @returns `undefined` when the whole is to be sent: another unit, or several ranges, which a server may ignore;
 *   `'unsatisfiable'` for what is malformed or lies behind the end
 */
export function resolveRange(text: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, unit = '', rest = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(text) ?? [];
  const spec = rest.trim();
  if (unit.toLowerCase() !== 'bytes' || spec.includes(',')) return undefined;
  const [, first = '', last = ''] = /^(\d{0,16})-(\d{0,16})$/.exec(spec) ?? [];
  if (first === '' && last === '') return 'unsatisfiable';
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  const backwards = first !== '' && last !== '' && Number(last) < start;
  return backwards || start >= end ? 'unsatisfiable' : { start, end };
}

/** The `Content-Range` of a 206 answer: `bytes 0-1023/4096`. */
export function formatContentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

/** The `Content-Range` of a 416 answer. */
export function formatUnsatisfiedRange(size: number): string {
  return `bytes */${size}`;
}

/**
 * The `Content-Range` of a 206 answer.
 *
 * @returns the part, and the size of the whole unless the server kept it to itself; `undefined` when it is malformed
 */
export function parseContentRange(text: string): (ByteRange & { readonly size: number | undefined }) | undefined {
  const match = /^bytes[ =](\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const range = inclusive(match[1], match[2]);
  const size = match[3] === '*' ? undefined : Number(match[3]);
  if (range === undefined || (size !== undefined && (range.end > size || !Number.isSafeInteger(size))))
    return undefined;
  return { ...range, size };
}

function inclusive(first: string | undefined, last: string | undefined): ByteRange | undefined {
  const start = Number(first);
  const end = Number(last) + 1;
  return start < end && Number.isSafeInteger(end) ? { start, end } : undefined;
}
