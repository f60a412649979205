/**
 * Text from a registry must not move the cursor, colour the terminal or turn round what stands beside it: control characters,
 * those of the direction of writing, and those that end lines are shown as escapes.
 */
export function printable(text: string): string {
  // What is mostly asked; the classes of Unicode take milliseconds to compile.
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

/** As JSON and others write it. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The same on one line, so that a registry's words cannot look like a line of ours. */
export function printableLine(text: string): string {
  // White space is taken run by run: to look for a line end behind each single one of them takes for ever.
  return printable(text.replaceAll(/\s+/g, (space) => (/[\r\n]/.test(space) ? ' ' : space)));
}
