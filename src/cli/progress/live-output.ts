import type { Output } from '../process.ts';

/**
 * Standard error, where lines that stay and lines that change share the screen: what is printed appears above the latter.
 * The cursor always rests below them and is never hidden, so that nothing has to be restored, however the program ends.
 */
export class LiveOutput {
  readonly #output: Output;
  /** The changing lines on the screen. */
  #shown: readonly string[] = [];
  /** Frames are left out while the terminal is slow. */
  #busy = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** How wide and high a terminal is, as far as it says so. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns = 0, rows = 0 } = this.#output;
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** Text that stays, with its line ends. */
  print(text: string): void {
    if (this.#shown.length === 0) this.#write(text);
    else this.#write(this.#toTop() + eraseBelow + text + linesOf(this.#shown));
  }

  /** Puts lines in the place of those that were shown last. Each has to fit in one row. */
  show(lines: readonly string[]): void {
    if (this.#busy > 0 && lines.length > 0) return;
    if (lines.length === this.#shown.length && lines.every((line, i) => line === this.#shown[i])) return;
    this.#write(this.#toTop() + linesOf(lines) + eraseBelow);
    this.#shown = lines;
  }

  #write(text: string): void {
    this.#busy += 1;
    // Whoever read standard error may have gone.
    this.#output
      .write(text)
      .catch(() => {})
      .finally(() => (this.#busy -= 1));
  }

  /** To the first of the lines that change. A terminal that has become narrower has wrapped them. */
  #toTop(): string {
    const { columns } = this.size;
    const rows = this.#shown.map((line) => Math.max(1, Math.ceil(widthOf(line) / columns)));
    const up = rows.reduce((sum, count) => sum + count, 0);
    return up === 0 ? '' : `\r\u001b[${up}A`;
  }
}

const eraseBelow = '\u001b[J';

function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\u001b[K\n`).join('');
}

function widthOf(line: string): number {
  // oxlint-disable-next-line no-control-regex -- colours take no room
  return line.replaceAll(/\u001b\[[\d;]*m/g, '').length;
}
