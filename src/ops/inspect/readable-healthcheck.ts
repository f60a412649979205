/**
 * A HEALTHCHECK of a history as a Dockerfile has it. Builders write Go's form of its fields: the test, then interval, timeout, start
 * period and, since Docker 25, start interval, then retries as a character.
 *
 * @returns `undefined` for what has another form
 */
export function readableHealthcheck(text: string): string | undefined {
  const [, test = '', rest = ''] = /^HEALTHCHECK &\{\[(.*)\] ((?:"[^"]*" ){3,4}'[^ ]*')\}$/.exec(text) ?? [];
  const words = quotedWords(test);
  if (words === undefined || words.length === 0) return undefined;
  const [kind = '', ...command] = words;
  if (kind === 'NONE') return 'HEALTHCHECK NONE';
  const values = rest.split(' ').map((value) => value.slice(1, -1));
  const retries = characterCode(values.pop() ?? '');
  const names = ['interval', 'timeout', 'start-period', 'start-interval'];
  const flags = values.flatMap((value, i) => (value === '0s' || value === '' ? [] : [`--${names[i]}=${value}`]));
  if (retries > 0) flags.push(`--retries=${retries}`);
  const run = kind === 'CMD-SHELL' ? command.join(' ') : JSON.stringify(kind === 'CMD' ? command : words);
  return ['HEALTHCHECK', ...flags, 'CMD', run].join(' ');
}

/** Go's `%q` of a list of texts; escapes that JSON does not have are left. */
function quotedWords(text: string): readonly string[] | undefined {
  // Each word begins where the last ended: to look for one everywhere in a long text without an end takes for ever.
  const words = Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"(?: (?=")|$)/gy));
  if (words.map(([whole]) => whole).join('') !== text) return undefined;
  return words.map(([, word = '']) => word.replace(/\\(["\\])/g, '$1'));
}

/** Of what Go writes for a number that it takes for a character: `\x03`, `\n`, `%`. */
function characterCode(text: string): number {
  const [, hex] = /^\\[xuU]([a-f0-9]{2,8})$/.exec(text) ?? [];
  if (hex !== undefined) return Number.parseInt(hex, 16);
  const named =
    text.length === 2 && text.startsWith('\\') ? '\u0007\b\t\n\v\f\r'.charCodeAt('abtnvfr'.indexOf(text.charAt(1))) : 0;
  if (named > 0) return named;
  return text.length === 1 ? text.charCodeAt(0) : 0;
}
