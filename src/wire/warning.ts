/**
 * Texts a registry wants a person to see: the `299` entries of `Warning` headers. Text without quotes is taken as it is.
 * OCI distribution-spec, "Warnings".
 */
export function parseWarnings(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => Array.from(textsOf(value)).filter((text) => text !== ''));
}

/** The value of a `Warning` header. */
export function formatWarning(text: string): string {
  return `299 - "${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function* textsOf(value: string): Generator<string, void> {
  let rest = value.trim();
  for (;;) {
    const start = /^299[ \t]+[^ \t"]+[ \t]+/.exec(rest);
    if (start === null) return;
    rest = rest.slice(start[0].length);
    if (!rest.startsWith('"')) {
      yield rest.trim();
      return;
    }
    const quoted = /^"((?:[^"\\]|\\.)*)"?/.exec(rest);
    yield (quoted?.[1] ?? '').replaceAll(/\\(.)/g, '$1').trim();
    rest = rest.slice(quoted?.[0].length ?? rest.length).replace(/^[ \t,]+/, '');
  }
}
