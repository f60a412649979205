/**
 * Text that names commands of crane, for the program that runs: `crane copy` is `gcrane copy` there.
 *
 * @param isCommand which words behind the name are commands. @default all
 */
export function underName(program: string, text: string, isCommand: (word: string) => boolean = () => true): string {
  if (program === 'crane') return text;
  return text.replace(/\bcrane (?=([a-z-]+))/g, (whole, word: string) => (isCommand(word) ? `${program} ` : whole));
}
