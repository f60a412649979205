type Headers = Readonly<Record<string, string>>;

/** Our own user agent stays, as with crane; what frames a message is no setting. */
export function usableHeaders(headers: Headers): Headers {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(entries.filter(([name]) => !reservedHeaders.has(name)));
}

const reservedHeaders: ReadonlySet<string> = new Set([
  'user-agent',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
]);
