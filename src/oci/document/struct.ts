import { OciError } from '../../errors.ts';
import { encodeJson } from '../json.ts';
import { memberEntries } from '../json-spans.ts';
import { type Codec, repeated, unexpected } from './codec.ts';

/** The key under which an object of a document keeps what nobody here knows. A spread copies it along. */
export const unknownMembers: unique symbol = Symbol('unknownMembers');

/** A member that nobody here knows, byte for byte as it was written. */
export interface UnknownMember {
  /** With its quotes and escapes. */
  readonly name: string;
  readonly value: string;
}

/** An object of a document, which may have members that nobody here knows. */
export interface DocumentObject {
  readonly [unknownMembers]?: readonly UnknownMember[] | undefined;
}

/** An object with a member that nobody here knows, in the place of what had that name. `value` is JSON. */
export function withUnknown<T extends DocumentObject>(object: T, key: string, value: string): T {
  const name = encodeJson(key);
  const others = (object[unknownMembers] ?? []).filter(
    (member) => folded(JSON.parse(member.name) as string) !== folded(key),
  );
  return { ...object, [unknownMembers]: [...others, { name, value }] };
}

/** How a member is written. */
export interface Field<T> {
  readonly codec: Codec<T>;
  readonly whenEmpty: 'written' | 'left out';
}

/** The members of `T` in the order in which they are written. */
export type Fields<T> = { readonly [K in keyof T & string]-?: Field<NonNullable<T[K]>> };

/** Written even where there is nothing. */
export function always<T>(codec: Codec<T>): Field<T> {
  return { codec, whenEmpty: 'written' };
}

/** Left out where there is nothing. */
export function unlessEmpty<T>(codec: Codec<T>): Field<T> {
  return { codec, whenEmpty: 'left out' };
}

/**
 * An object: known members in the order of `fields`, then the unknown ones in theirs. Go takes names in any letter case, so
 * do we, or an edit would be shadowed by another spelling; two members of one name are refused.
 *
 * @param foreign names that would make it another kind of document to others; refused
 */
export function struct<T extends DocumentObject>(fields: Fields<T>, foreign: readonly string[] = []): Codec<T> {
  const table = Object.entries<Field<unknown>>(fields as Readonly<Record<string, Field<unknown>>>);
  const byName = new Map(table.map(([name, { codec }]) => [folded(name), { name, codec }]));
  const refused = new Set(foreign.map(folded));
  return {
    get absent(): string {
      return encodeStruct(table, {});
    },
    decode(json, path) {
      if (!json.startsWith('{')) throw unexpected(json, path, 'an object');
      const known: Record<string, unknown> = {};
      const unknown: UnknownMember[] = [];
      const seen = new Set<string>();
      for (const { key, name, value } of memberEntries(json)) {
        const member = byName.get(folded(key));
        const id = member === undefined ? key : member.name;
        const at = path === '' ? id : `${path}.${id}`;
        if (refused.has(folded(key))) throw contradicting(at);
        if (seen.has(id)) throw repeated(at);
        seen.add(id);
        const text = json.slice(value.start, value.end);
        if (member === undefined) unknown.push({ name: json.slice(name.start, name.end), value: text });
        else if (text !== 'null') known[member.name] = member.codec.decode(text, at);
      }
      return (unknown.length === 0 ? known : { ...known, [unknownMembers]: unknown }) as T;
    },
    encode: (value) => encodeStruct(table, value),
    isEmpty: () => false,
  };
}

function encodeStruct(table: readonly (readonly [string, Field<unknown>])[], value: DocumentObject): string {
  const members: string[] = [];
  const known = value as Readonly<Record<string, unknown>>;
  for (const [name, { codec, whenEmpty }] of table) {
    const member = known[name];
    if (member === undefined) {
      if (whenEmpty === 'written') members.push(`"${name}":${codec.absent}`);
    } else if (whenEmpty === 'written' || !codec.isEmpty(member)) members.push(`"${name}":${codec.encode(member)}`);
  }
  for (const unknown of value[unknownMembers] ?? []) members.push(`${unknown.name}:${unknown.value}`);
  return `{${members.join(',')}}`;
}

/** As Go compares names: without regard to case, and the long s and the Kelvin sign are letters like others. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

function contradicting(path: string): OciError {
  return new OciError('INVALID_MANIFEST', `The document has ${path}, which is of another kind of document`, {
    hint: 'Programs would read the document differently; build it again',
  });
}
