import type { WireError } from '../../wire/error-body.ts';
import type { ResponseHeaders } from './exchange.ts';

/** What a server says about how much it lets through. */
export interface RateLimit {
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  /** Milliseconds in which `limit` requests may be made. */
  readonly window?: number | undefined;
  /** Milliseconds until there are more. */
  readonly reset?: number | undefined;
  /** Who is counted, as the server sees it: an address, an account. */
  readonly source?: string | undefined;
}

/**
 * How long a server asks to wait, in milliseconds: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), also
 * as the epoch seconds and the durations of Go that some send (demand-and-quirks reference, Q-80).
 */
export function parseRetryAfter(value: string | undefined, now: number = Date.now()): number | undefined {
  const text = value?.trim() ?? '';
  if (text === '') return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return millisecondsOf(Number(text), now);
  const duration = parseDuration(text);
  if (duration !== undefined) return duration;
  // Date.parse alone finds dates in nearly anything.
  const date = /^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The same from words: `retry-after: 880.092µs, allowed: 44000/minute`, `try again in 30 seconds`. */
export function waitInWords(errors: readonly WireError[], text: string): number | undefined {
  const words = [...errors.map(({ message }) => message), text.slice(0, 4096)].join('\n');
  const [, found] =
    /\b(?:retry[- ]after|(?:try|retry)(?: again)? in)[:=]?\s*((?:[\d.]+\s*[a-zµμ]+){1,4})/i.exec(words) ?? [];
  return found === undefined ? undefined : parseDuration(found);
}

/**
 * `RateLimit-*` in the forms of the IETF's drafts and of Docker (`100;w=21600`), `X-RateLimit-*`, and who is counted;
 * `undefined` when a server says nothing.
 */
export function rateLimitOf(headers: ResponseHeaders, now: number = Date.now()): RateLimit | undefined {
  const joined = headers.get('ratelimit') ?? '';
  const read = (name: string, ...keys: readonly string[]): string | undefined =>
    headers.get(`ratelimit-${name}`) ?? headers.get(`x-ratelimit-${name}`) ?? parameter(joined, keys);
  const limit = read('limit', 'limit', 'q');
  const seconds = numberOf(read('reset', 'reset', 't'));
  const window = numberOf(parameter(limit ?? '', ['w']) ?? parameter(joined, ['w']));
  const found = {
    limit: numberOf(limit),
    remaining: numberOf(read('remaining', 'remaining', 'r')),
    window: window === undefined ? undefined : window * 1000,
    reset: seconds === undefined ? undefined : millisecondsOf(seconds, now),
    source: headers.get('docker-ratelimit-source')?.slice(0, 100),
  };
  return Object.values(found).every((value) => value === undefined) ? undefined : found;
}

/** `45 seconds`, `6 hours`, `2 minutes 5 seconds`. */
export function waitText(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  if (seconds < 120) return plural(seconds, 'second');
  const minutes = Math.floor(seconds / 60);
  if (seconds < 7200) return joinParts(plural(minutes, 'minute'), plural(seconds % 60, 'second'));
  return joinParts(plural(Math.floor(minutes / 60), 'hour'), plural(minutes % 60, 'minute'));
}

/** `its limit is 100 in 6 hours, 0 are left, counted for 192.0.2.1`; empty when nothing is known. */
export function rateLimitText({ limit, remaining, window, reset, source }: RateLimit): string {
  const parts: string[] = [];
  if (limit !== undefined) parts.push(`its limit is ${limit}${window === undefined ? '' : ` in ${waitText(window)}`}`);
  if (remaining !== undefined) parts.push(`${remaining} are left`);
  if (reset !== undefined) parts.push(`more in ${waitText(reset)}`);
  if (source !== undefined) parts.push(`counted for ${source}`);
  return parts.join(', ');
}

/** Larger numbers of seconds are points in time. */
const epochSeconds = 1_000_000_000;

/** Milliseconds; a number that is larger means never. */
const never = 100 * 365 * 24 * 3_600_000;

function millisecondsOf(seconds: number, now: number): number {
  const milliseconds = seconds >= epochSeconds ? Math.max(0, seconds * 1000 - now) : seconds * 1000;
  return Math.min(milliseconds, never);
}

/** Go's `1m30.5s` and `880.092µs`, and `30 seconds`. */
function parseDuration(text: string): number | undefined {
  if (!/^(?:[\d.]+\s*[a-zµμ]+\s*)+$/i.test(text)) return undefined;
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/([\d.]+)\s*([a-zµμ]+)/gi)) {
    const factor = units[unit.toLowerCase()] ?? Number.NaN;
    total += Number(number) * factor;
  }
  return Number.isNaN(total) ? undefined : Math.min(total, never);
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  µs: 1e-3,
  μs: 1e-3,
  us: 1e-3,
  ms: 1,
  s: 1000,
  sec: 1000,
  secs: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
};

function parameter(text: string, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const [, value] = new RegExp(`(?:^|[;,\\s])${key}=(\\d+)`).exec(text) ?? [];
    if (value !== undefined) return value;
  }
  return undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const [digits] = /^\s*\d{1,15}/.exec(text ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function joinParts(large: string, small: string): string {
  return small.startsWith('0 ') ? large : `${large} ${small}`;
}
