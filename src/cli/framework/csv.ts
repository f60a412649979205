interface Field {
  readonly text: string;
  /** Where the character that ended the field stands; `line.length` at the end of the record. */
  readonly end: number;
}

/**
 * The fields of one CSV record, as a list flag takes them: commas between fields, double quotes around a field that has a
 * comma or a line break, `""` for a quote inside. Empty text has no fields. crane-cli reference, section 1.
 *
 * @throws {Error} with crane's reason for a stray quote, and for a second line, which crane would lose without a word
 */
export function parseCsvRecord(record: string): readonly string[] {
  const text = trimLineBreaks(record.replaceAll('\r\n', '\n'));
  if (text === '') return [];
  const fields: string[] = [];
  for (let start = 0; ;) {
    const field = text[start] === '"' ? quotedField(text, start) : bareField(text, start);
    fields.push(field.text);
    if (field.end >= text.length) return fields;
    start = field.end + 1;
  }
}

function trimLineBreaks(text: string): string {
  let start = 0;
  let end = text.length;
  while (text[start] === '\n') start += 1;
  while (end > start && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
  return text.slice(start, end);
}

function bareField(text: string, start: number): Field {
  const comma = text.indexOf(',', start);
  const end = comma === -1 ? text.length : comma;
  const field = text.slice(start, end);
  const stray = field.indexOf('"');
  if (stray !== -1) throw malformed(text, start + stray, 'bare " in non-quoted-field');
  if (field.includes('\n')) throw severalLines();
  return { text: field, end };
}

function quotedField(text: string, start: number): Field {
  let field = '';
  for (let from = start + 1; ;) {
    const closing = text.indexOf('"', from);
    if (closing === -1) throw malformed(text, text.length, 'extraneous or missing " in quoted-field');
    field += text.slice(from, closing);
    const next = text[closing + 1];
    if (next === undefined || next === ',') return { text: field, end: closing + 1 };
    if (next === '\n') throw severalLines();
    if (next !== '"') throw malformed(text, closing, 'extraneous or missing " in quoted-field');
    field += '"';
    from = closing + 2;
  }
}

function malformed(text: string, at: number, reason: string): Error {
  const lines = text.slice(0, at).split('\n');
  const column = Buffer.byteLength(lines.at(-1) ?? '') + 1;
  const record = lines.length === 1 ? '' : 'record on line 1; ';
  return new Error(`${record}parse error on line ${lines.length}, column ${column}: ${reason}`);
}

function severalLines(): Error {
  return new Error('a list is one line; put double quotes around a field that has a line break');
}
