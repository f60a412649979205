import { endOfString } from './json.ts';

/** Where a value stands in a JSON text; `end` is exclusive. */
export interface JsonSpan {
  readonly start: number;
  readonly end: number;
}

// For changing a document and keeping every byte of what is not changed: order and repetition of members, the way numbers
// are written, white space. The text has been parsed before, so it is known to be JSON.

/** The values of the members of the object that begins at or behind `from`, by key. Of a repeated key the last counts, as in `JSON.parse`. */
export function memberSpans(text: string, from = 0): ReadonlyMap<string, JsonSpan> {
  return new Map(Array.from(memberEntries(text, from), ({ key, value }) => [key, value]));
}

export interface JsonMember {
  readonly key: string;
  /** As it is written: quotes and escapes included. */
  readonly name: JsonSpan;
  readonly value: JsonSpan;
}

/** The members of the object that begins at or behind `from`, in their order, repeated ones too. */
export function* memberEntries(text: string, from = 0): Generator<JsonMember, void> {
  let at = pastSpace(text, from) + 1;
  while (text[(at = pastSpace(text, at))] === '"') {
    const keyEnd = endOfString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const start = pastSpace(text, pastSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    yield { key, name: { start: at, end: keyEnd }, value: { start, end } };
    at = pastComma(text, end);
  }
}

/** The elements of the array that begins at or behind `from`. */
export function elementSpans(text: string, from: number): readonly JsonSpan[] {
  const elements: JsonSpan[] = [];
  let at = pastSpace(text, pastSpace(text, from) + 1);
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at);
    elements.push({ start: at, end });
    at = pastSpace(text, pastComma(text, end));
  }
  return elements;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') {
    let end = start;
    while (end < text.length && !' \n\r\t,]}'.includes(text.charAt(end))) end++;
    return end;
  }
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i) - 1;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return i + 1;
  }
  return text.length;
}

function pastComma(text: string, at: number): number {
  const next = pastSpace(text, at);
  return text[next] === ',' ? next + 1 : next;
}

function pastSpace(text: string, at: number): number {
  let i = at;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return i;
}
