import { STATUS_CODES } from 'node:http';
import { type ErrorCode, lowerFirst, quoted } from '../../errors.ts';
import { pageTitle, type WireError } from '../../wire/error-body.ts';
import { type RateLimit, rateLimitText, waitText } from './rate-limit.ts';
import { isRead } from './registry-request.ts';
import type { LoginState, Refusal } from './response-error.ts';

/** What was found in a refusal. */
export interface Said {
  readonly code: ErrorCode;
  readonly errors: readonly WireError[];
  /** The start of the body. */
  readonly text: string;
  readonly retryAfter: number | undefined;
  readonly rateLimit: RateLimit | undefined;
}

/** One line: what could not be done, who answered what, in the server's own words, and with which credentials it was asked. */
export function messageFor(refusal: Refusal, said: Said): string {
  const { purpose, status, login } = refusal;
  const answer = `${status}${reasonOf(status)}${wordsOf(refusal, said)}`;
  if (said.code === 'UNAUTHORIZED' && login !== undefined && refusal.crossed !== true) {
    return `Could not ${purpose}: ${loginWords(refusal, login)}, ${answer}`;
  }
  const told = said.code === 'DENIED' && refusal.crossed !== true ? credentialsWords(login) : '';
  return `Could not ${purpose}: ${answererOf(refusal)} answered ${answer}${told}`;
}

/** What to do next. */
export function hintFor(refusal: Refusal, { code, errors, retryAfter, rateLimit }: Said): string | undefined {
  const { login, crossed = false, method } = refusal;
  if (crossed && (code === 'UNAUTHORIZED' || code === 'DENIED')) {
    return isRead(method)
      ? 'The registry sends its content from there: check that a firewall or proxy lets it through'
      : 'The registry wants what is pushed to be sent there, where nobody is shown its credentials; a registry behind a proxy may have the wrong address of its own';
  }
  if (code === 'UNAUTHORIZED' && login !== undefined) {
    return login.problem?.hint ?? `Log in with: crane auth login ${login.registry}`;
  }
  if (code === 'NOT_FOUND' && (method === 'POST' || method === 'PUT') && errors.some(lacksRepository)) {
    return 'This registry wants repositories to be created before something is pushed to them; at AWS --create-repository does that';
  }
  if (code === 'NOT_FOUND') {
    const asked = login === undefined ? '' : ` (asked ${withCredentials(login)})`;
    return `Check the name; many registries also answer so to those who may not see it${asked}`;
  }
  if (code === 'DENIED') {
    return login === undefined || login.source !== undefined
      ? 'Ask for access to this repository, or use other credentials'
      : `Ask for access to this repository, or log in with: crane auth login ${login.registry}`;
  }
  if (code === 'RATE_LIMITED') return limitHint(login, retryAfter, rateLimit);
  return retryAfter === undefined ? undefined : waitHint(retryAfter);
}

function lacksRepository({ code }: WireError): boolean {
  return code === 'NAME_UNKNOWN';
}

/** Many registries answer 401 also for what is not there (demand-and-quirks reference, Q-15). */
function loginWords({ method, repository }: Refusal, { registry, source, problem }: LoginState): string {
  const either = isRead(method) && repository !== undefined ? 'not found or no access: ' : '';
  if (source !== undefined) return `${either}${registry} refused the credentials from ${source}`;
  return `${either}${registry} wants credentials and ${problem === undefined ? 'none were found' : lowerFirst(problem.message)}`;
}

function credentialsWords(login: LoginState | undefined): string {
  return login === undefined ? '' : ` to a request ${withCredentials(login)}`;
}

function withCredentials({ source }: LoginState): string {
  return source === undefined ? 'without credentials' : `with the credentials from ${source}`;
}

function answererOf({ url, crossed, registry }: Refusal): string {
  return crossed === true && registry !== undefined ? `${url.host}, where ${registry} sent us,` : url.host;
}

function limitHint(
  login: LoginState | undefined,
  retryAfter: number | undefined,
  rateLimit: RateLimit | undefined,
): string {
  const wait = retryAfter === undefined ? 'Wait before the next try' : waitHint(retryAfter);
  const limit = rateLimit === undefined ? '' : rateLimitText({ ...rateLimit, reset: undefined });
  const more =
    login === undefined || login.source === undefined
      ? `logged-in users often have a higher limit${login === undefined ? '' : `: crane auth login ${login.registry}`}`
      : '';
  return [wait, limit, more].filter((part) => part !== '').join('; ');
}

function waitHint(retryAfter: number): string {
  return `The server asks to wait ${waitText(retryAfter)} before the next try`;
}

function reasonOf(status: number): string {
  const reason = STATUS_CODES[status];
  return reason === undefined ? '' : ` ${reason}`;
}

function wordsOf({ headers, purpose, status }: Refusal, { errors, text }: Said): string {
  const shown = errors.slice(0, 3).map(({ code, message, detail }) => {
    const head = oneLine([code, message].filter((part) => part !== '').join(': '));
    if (detail === undefined || isSaid(detail, `${purpose} ${head}`)) return head;
    return `${head} ${oneLine(typeof detail === 'string' ? detail : JSON.stringify(detail))}`.trim();
  });
  if (shown.length > 0) return ` (${shown.join('; ')})`;
  if (text.trim() === '') return '';
  if (!/^\s*</.test(text) && !/html/i.test(headers.get('content-type') ?? '')) {
    return `: ${visible(quoted(text.replaceAll(/\s+/g, ' ').trim()))}`;
  }
  // Of a page for browsers only the title fits on a line.
  const title = pageTitle(text) ?? '';
  return `${status}${reasonOf(status)}`.includes(title) ? '' : ` (a page titled ${visible(quoted(title))})`;
}

/** Details often only repeat what was asked for. */
function isSaid(detail: unknown, message: string): boolean {
  if (typeof detail === 'object' && detail !== null) {
    return Object.values(detail).every((value) => isSaid(value, message));
  }
  return detail === null || message.includes(typeof detail === 'string' ? detail : JSON.stringify(detail));
}

/** Bounded, and as one line. */
function oneLine(text: string): string {
  const cut = text.length > 500 ? `${text.slice(0, 500)}…` : text;
  return visible(JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"'));
}

/** Shows what JSON leaves as it is and a terminal would obey, or would show in another order. */
function visible(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
