// For showing a document to people and taking it back: only white space between tokens changes, so that numbers, escapes, order
// and repetition of members stay as they are written. The text has been parsed before, so it is known to be JSON.

/** A JSON text with a line for each member and element. */
export function indentJson(text: string): string {
  let out = '';
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  const tokens = tokensOf(text);
  for (const [i, token] of tokens.entries()) {
    const isEmpty = isOpening(token) && isClosing(tokens[i + 1]);
    if (isClosing(token) && !isOpening(tokens[i - 1])) {
      depth--;
      out += line();
    }
    out += token === ':' ? ': ' : token;
    if (isOpening(token) && !isEmpty) {
      depth++;
      out += line();
    } else if (token === ',') out += line();
  }
  return out;
}

/** A JSON text without white space between its tokens. */
export function compactJson(text: string): string {
  return tokensOf(text).join('');
}

const token = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/gs;

function tokensOf(text: string): string[] {
  return text.match(token) ?? [];
}

function isOpening(text: string | undefined): boolean {
  return text === '{' || text === '[';
}

function isClosing(text: string | undefined): boolean {
  return text === '}' || text === ']';
}
