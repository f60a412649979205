const shownParameters: ReadonlySet<string> = new Set([
  'scope',
  'service',
  'mount',
  'from',
  'digest',
  'digest-algorithm',
  'n',
  'last',
  'tag',
  'artifactType',
]);

const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** A URL as logs and messages may show it: no user, no password, no values of query parameters that may be signatures. */
export function redactUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${redactQuery(url.search)}`;
}

/** Headers as logs may show them. `extraSecrets` names more that are hidden, in lower case. */
export function redactHeaders(
  headers: Readonly<Record<string, string>>,
  extraSecrets: ReadonlySet<string> = new Set(),
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      secretHeaders.has(name) || extraSecrets.has(name) ? 'REDACTED' : value,
    ]),
  );
}

function redactQuery(search: string): string {
  if (search === '') return '';
  const parts = search.slice(1).split('&');
  return `?${parts.map((part) => redactParameter(part)).join('&')}`;
}

function redactParameter(part: string): string {
  const equals = part.indexOf('=');
  if (equals < 0) return part.length > 40 ? 'REDACTED' : part;
  const key = part.slice(0, equals);
  return shownParameters.has(key) ? part : `${key}=REDACTED`;
}
