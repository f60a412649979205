import { jsonText } from '../json-text.ts';
import { printableLine } from '../printable.ts';
import type { Session } from '../session.ts';

/** How an entry of a list is shown. */
export interface EntryForms<T> {
  line(this: void, entry: T): string;
  /** Members that are `undefined` are left out. */
  object(this: void, entry: T): object;
}

/** Prints a list as it comes: a line for each entry, or one JSON array. */
export class ListOutput<T> {
  readonly #session: Session;
  readonly #json: boolean;
  readonly #forms: EntryForms<T>;
  #isEmpty = true;

  constructor(session: Session, json: boolean, forms: EntryForms<T>) {
    this.#session = session;
    this.#json = json;
    this.#forms = forms;
  }

  async add(entries: readonly T[]): Promise<void> {
    if (entries.length === 0) return;
    const { line, object } = this.#forms;
    if (!this.#json) return this.#session.print(entries.map((entry) => `${printableLine(line(entry))}\n`).join(''));
    const items = entries.map((entry) => jsonText(object(entry), 2).replaceAll('\n', '\n  '));
    await this.#session.print(`${this.#isEmpty ? '[' : ','}\n  ${items.join(',\n  ')}`);
    this.#isEmpty = false;
  }

  /** To be called when the list is complete: without it, JSON is none. */
  async end(): Promise<void> {
    if (this.#json) await this.#session.print(this.#isEmpty ? '[]\n' : '\n]\n');
  }
}
