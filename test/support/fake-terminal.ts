import type { Output } from '../../src/cli/process.ts';

/** A terminal as far as programs use it that draw over their own lines: what was written becomes what is seen. */
export class FakeTerminal implements Output {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** Everything that was written, as it came. */
  raw = '';
  #lines: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  /** All lines from the first on, those that have left the top of the screen, too; without empty ones at the end. */
  get lines(): readonly string[] {
    return this.#lines
      .map((line) =>
        Array.from(line, (character) => character ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n')
      .trimEnd()
      .split('\n');
  }

  /** Zero-based, from the first line on. */
  get cursor(): readonly [row: number, column: number] {
    return [this.#row, this.#column];
  }

  /** Lines that were too long are broken anew, as most terminals do. */
  resize(columns: number): void {
    const wrapped: string[][] = [];
    let cursorRow = 0;
    for (const [i, line] of this.#lines.entries()) {
      if (i === this.#row) cursorRow = wrapped.length;
      const pieces = Math.max(1, Math.ceil(line.length / columns));
      for (let piece = 0; piece < pieces; piece++) wrapped.push(line.slice(piece * columns, (piece + 1) * columns));
    }
    this.#lines = wrapped;
    this.#row = cursorRow;
    this.columns = columns;
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    const text = Buffer.from(chunk).toString();
    this.raw += text;
    // oxlint-disable-next-line no-control-regex -- what a terminal obeys
    for (const [part] of text.matchAll(/\u001b\[\??[\d;]*[A-Za-z]|[^]/gu)) this.#obey(part);
  }

  #obey(part: string): void {
    if (part === '\n') return this.#moveTo(this.#row + 1, 0);
    if (part === '\r') return this.#moveTo(this.#row, 0);
    if (!part.startsWith('\u001b')) return this.#put(part);
    const count = Number(/\d+/.exec(part)?.[0] ?? 1);
    const top = Math.max(0, this.#lines.length - this.rows);
    if (part.endsWith('A')) this.#moveTo(Math.max(top, this.#row - count), this.#column);
    else if (part.endsWith('K')) this.#line().length = Math.min(this.#line().length, this.#column);
    else if (part.endsWith('J')) {
      this.#line().length = Math.min(this.#line().length, this.#column);
      this.#lines.length = this.#row + 1;
    } else if (!part.endsWith('m')) throw new Error(`The terminal does not know ${JSON.stringify(part)}`);
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#moveTo(this.#row + 1, 0);
    this.#line()[this.#column] = character;
    this.#column += 1;
  }

  #moveTo(row: number, column: number): void {
    while (this.#lines.length <= row) this.#lines.push([]);
    this.#row = row;
    this.#column = column;
  }

  #line(): string[] {
    return (this.#lines[this.#row] ??= []);
  }
}
