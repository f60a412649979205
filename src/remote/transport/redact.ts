const shownParameters: ReadonlySet<string> = new Set([
  'scope',
  'service',
  'mount',
  'from',
  'digest',
  'digest-algorithm',
  'n',
  'ns',
  'last',
  'tag',
  'artifactType',
]);

/** Names of headers that may carry secrets, of which some are of registries and proxies we have never seen. */
const secretNames = /auth|token|secret|signature|api-?key|password|credential|session|cookie/;
/** They tell how to get a token, or which kinds there are. */
const openNames: ReadonlySet<string> = new Set(['www-authenticate', 'proxy-authenticate']);
/** They hold URLs, which may be signed. */
const urlHeaders: ReadonlySet<string> = new Set(['location', 'content-location', 'link', 'refresh', 'referer']);

/** A URL as logs and messages may show it: no user, no password, no values of query parameters that may be signatures. */
export function redactUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${redactQuery(url.search)}`;
}

/** Headers as logs may show them, names in lower case. `extraSecrets` names more that are hidden. */
export function redactHeaders(
  headers: Readonly<Record<string, string>>,
  extraSecrets: ReadonlySet<string> = new Set(),
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      extraSecrets.has(name) ? 'REDACTED' : redactHeader(name, value),
    ]),
  );
}

function redactHeader(name: string, value: string): string {
  if (openNames.has(name)) return value;
  if (secretNames.test(name)) return 'REDACTED';
  return urlHeaders.has(name) ? redactUrlText(value) : value;
}

/** Also of relative URLs, of which `<…>; rel="next"` is one with something around it. */
function redactUrlText(text: string): string {
  return text.replaceAll(/\/\/[^/?#\s]*@/g, '//').replaceAll(/\?[^>\s]*/g, (search) => redactQuery(search));
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
