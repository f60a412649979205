import type * as Yaml from 'yaml';
import type { Document, LineCounter, Node, Scalar } from 'yaml';
import { OciError, quoted } from '../../errors.ts';
import { nearest } from './nearest.ts';

/** What all nodes of a document share. */
interface Sheet {
  readonly yaml: typeof Yaml;
  readonly document: Document;
  readonly lines: LineCounter;
  /** The file, for messages. */
  readonly source: string;
}

/** One value of a settings file, which knows where it stands: errors name the line, the column and the path of keys. */
export class SettingsNode {
  readonly #sheet: Sheet;
  readonly #node: Node | null;
  readonly #offset: number;
  /** Where its key stands, or it itself. */
  readonly #start: number;
  /** As in messages: `hosts."ghcr.io".mirrors[1]`. */
  readonly path: string;

  constructor(sheet: Sheet, node: Node | null, offset: number, path: string) {
    this.#sheet = sheet;
    const resolved = sheet.yaml.isAlias(node) ? (node.resolve(sheet.document) ?? null) : node;
    this.#node = resolved;
    this.#offset = node?.range?.[0] ?? offset;
    this.#start = offset;
    this.path = path;
  }

  get isText(): boolean {
    return this.#isScalar(this.#node) && typeof this.#node.value === 'string';
  }

  get isEmpty(): boolean {
    return this.#node === null || (this.#isScalar(this.#node) && this.#node.value === null);
  }

  /** The value as it is written, for values that hold nothing secret. */
  get shown(): string {
    if (this.#isScalar(this.#node)) return quoted(this.#node.source ?? String(this.#node.value));
    return this.#sheet.yaml.isSeq(this.#node) ? 'a list' : 'a map';
  }

  /** The members of a map, by key, in their order. */
  members(what: string): readonly (readonly [key: string, value: SettingsNode])[] {
    const { yaml } = this.#sheet;
    if (this.isEmpty) return [];
    if (!yaml.isMap(this.#node)) throw this.mismatch(what);
    return this.#node.items.map(({ key, value }) => {
      const name = yaml.isScalar(key) ? (typeof key.value === 'string' ? key.value : (key.source ?? '')) : '';
      const offset = yaml.isNode(key) ? (key.range?.[0] ?? this.#offset) : this.#offset;
      const path = /^[A-Za-z]\w*$/.test(name) ? name : quoted(name);
      const child = new SettingsNode(this.#sheet, value as Node | null, offset, join(this.path, path));
      if (name === '') throw child.#at(offset, 'a key is no text', undefined);
      return [name, child];
    });
  }

  /** The members of a map whose keys are known; those that are empty are left out. */
  fields<K extends string>(allowed: readonly K[], what: string): Partial<Readonly<Record<K, SettingsNode>>> {
    const found: Partial<Record<K, SettingsNode>> = {};
    for (const [name, node] of this.members(what)) {
      const key = allowed.find((known) => known === name);
      if (key === undefined) {
        const close = nearest(name, allowed);
        const hint = close === undefined ? `Known are ${allowed.join(', ')}` : `Did you mean ${close}?`;
        throw node.#at(node.#start, `${node.path} is not known`, hint);
      }
      if (!node.isEmpty) found[key] = node;
    }
    return found;
  }

  items(what: string): readonly SettingsNode[] {
    if (!this.#sheet.yaml.isSeq(this.#node)) throw this.mismatch(what);
    return this.#node.items.map(
      (item, index) => new SettingsNode(this.#sheet, item as Node | null, this.#offset, `${this.path}[${index}]`),
    );
  }

  text(what: string): string {
    const value = this.#isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value === 'string' && value !== '') return value;
    // What looks like a number is meant as the text it is written as.
    if (typeof value === 'number' && this.#isScalar(this.#node)) return this.#node.source ?? String(value);
    throw this.mismatch(what);
  }

  boolean(): boolean {
    const value = this.#isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value === 'boolean') return value;
    throw this.mismatch('true or false');
  }

  number(what: string, isAllowed: (value: number) => boolean): number {
    const value = this.#isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value === 'number' && isAllowed(value)) return value;
    throw this.mismatch(what);
  }

  choice<T extends string>(allowed: readonly T[]): T {
    const text = this.text(allowed.join(' or '));
    const value = allowed.find((known) => known === text);
    if (value !== undefined) return value;
    throw this.mismatch(allowed.join(' or '));
  }

  mismatch(what: string): OciError {
    const shown = this.isEmpty ? 'empty' : this.shown;
    return this.fault(`${this.path || 'the document'} is ${shown}, allowed is ${what}`);
  }

  fault(why: string, hint?: string): OciError {
    return this.#at(this.#offset, why, hint);
  }

  #at(offset: number, why: string, hint: string | undefined): OciError {
    return settingsFault(this.#sheet.source, this.#sheet.lines.linePos(offset), why, hint);
  }

  #isScalar(node: Node | null): node is Scalar {
    return this.#sheet.yaml.isScalar(node);
  }
}

/** Reads a YAML document, and so a JSON document. */
export async function parseSettingsFile(text: string, source: string): Promise<SettingsNode> {
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const hint = /^\s*\*\s*:/m.test(text) ? 'Write "*" in quotes: bare, it has another meaning in YAML' : undefined;
    throw settingsFault(source, lines.linePos(problem.pos[0]), lowerFirst(problem.message), hint);
  }
  return new SettingsNode({ yaml, document, lines, source }, document.contents, 0, '');
}

/** @returns `INVALID_SETTINGS` */
export function settingsFault(
  source: string,
  { line, col }: { readonly line: number; readonly col: number },
  why: string,
  hint?: string,
): OciError {
  const place = `line ${line}, column ${col}`;
  return new OciError('INVALID_SETTINGS', `Settings in ${source} cannot be used: ${place}: ${why}`, { hint });
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
}
