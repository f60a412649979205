/**
 * The target of the `rel="next"` link, unresolved. Reads what registries really send: with and without `<>`, with `rel` quoted,
 * unquoted or left out, several links in one value. OCI distribution-spec, "Listing Tags"; RFC 8288, section 3.
 *
 * @returns `undefined` when there is no next page
 */
export function parseNextLink(values: readonly string[]): string | undefined {
  for (const value of values) {
    for (const { target, parameters } of linksOf(value)) {
      const rel = /(?:^|;)\s*rel\s*=\s*"?([^";]*)"?/i.exec(parameters)?.[1];
      if (target !== '' && (rel === undefined || rel.toLowerCase().split(/\s+/).includes('next'))) return target;
    }
  }
  return undefined;
}

/** The value of a `Link` header that names the next page. */
export function formatNextLink(target: string): string {
  return `<${target}>; rel="next"`;
}

/** Without brackets anything could be meant; what starts like this is a URL. */
const looksLikeTarget = /^(?:https?:\/\/|[/?])/i;

interface Link {
  readonly target: string;
  readonly parameters: string;
}

function* linksOf(value: string): Generator<Link, void> {
  let rest = value.trim();
  while (rest !== '') {
    const bracketed = rest.startsWith('<');
    const end = bracketed ? rest.indexOf('>') : rest.search(/[;\s]|$/);
    if (end < 0) return;
    const target = rest.slice(bracketed ? 1 : 0, end).trim();
    const after = rest.slice(bracketed ? end + 1 : end);
    const next = endOfParameters(after);
    if (bracketed || looksLikeTarget.test(target)) yield { target, parameters: after.slice(0, next) };
    rest = after.slice(next + 1).trim();
  }
}

/** The comma that starts the next link; commas in quotes do not count. */
function endOfParameters(text: string): number {
  let inQuotes = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === '"') inQuotes = !inQuotes;
    else if (character === ',' && !inQuotes) return i;
  }
  return text.length;
}
