import { OciError, quoted } from '../../errors.ts';

type Headers = Readonly<Record<string, string>>;

/**
 * Our own user agent stays, as with crane; what frames a message is no setting.
 *
 * @throws {OciError} `INVALID_SETTINGS` for what cannot stand in a request; the value, maybe a secret, is not repeated
 */
export function usableHeaders(headers: Headers): Headers {
  for (const [name, value] of Object.entries(headers)) {
    if (headerName.test(name) && headerValue.test(value)) continue;
    throw new OciError('INVALID_SETTINGS', `The configured header ${quoted(name)} cannot be sent: its ${fault(name)}`, {
      hint: 'Repair it in HttpHeaders of config.json',
    });
  }
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(entries.filter(([name]) => !reservedHeaders.has(name)));
}

function fault(name: string): string {
  return headerName.test(name) ? 'value has line ends or other characters that no header has' : 'name is malformed';
}

// RFC 9110 sections 5.1 and 5.5.
export const headerName: RegExp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
export const headerValue: RegExp = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What frames a message, or says who sends it, is no setting. Names in lower case. */
export const reservedHeaders: ReadonlySet<string> = new Set([
  'user-agent',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
]);
