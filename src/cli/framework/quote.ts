const escapes: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
};

/** Text in double quotes the way Go writes it (`%q`), which the messages of crane's command line use. */
export function quote(text: string): string {
  return `"${escape(text, /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu)}"`;
}

/** Text as it is, but nothing in it can move the cursor or colour the terminal. */
export function printable(text: string): string {
  return escape(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu);
}

/** Text between backquotes where Go would write it so (`%#q`), else in double quotes. */
export function backquoted(text: string): string {
  return /^(?:\t|[^`\p{Cc}\u{FEFF}])*$/u.test(text) ? `\`${text}\`` : quote(text);
}

function escape(text: string, what: RegExp): string {
  return text.replace(what, (character) => {
    const known = escapes[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) return `\\x${hex(code, 2)}`;
    return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
