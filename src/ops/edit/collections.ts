import { OciError, quoted } from '../../errors.ts';
import type { NameSet } from '../../oci/document/config-document.ts';
import type { EnvironmentEdit, MapEdit, SetEdit } from './image-edit.ts';

/** A map of texts after an edit. */
export function editedMap(
  before: ReadonlyMap<string, string> | undefined,
  edit: MapEdit | undefined,
): ReadonlyMap<string, string> | undefined {
  if (edit === undefined) return before;
  const { set = {}, unset = [] } = edit;
  const after = new Map([
    ...(before ?? []),
    ...(set instanceof Map ? set : Object.entries<string>(set as Readonly<Record<string, string>>)),
  ]);
  for (const key of unset) after.delete(key);
  return after;
}

/** A set of names after an edit; a name that stays keeps what else the document says of it. */
export function editedSet(before: NameSet | undefined, edit: SetEdit | undefined): NameSet | undefined {
  if (edit === undefined) return before;
  const { replace, add = [], remove = [] } = edit;
  const removed = new Set(remove);
  const names = [...(replace ?? before?.keys() ?? []), ...add].filter((name) => !removed.has(name));
  return new Map(names.map((name) => [name, before?.get(name) ?? {}]));
}

/**
 * An environment after an edit. On Windows names do not differ by letter case, and new ones are written in capitals, as
 * crane does. An entry without `=` stays what it is.
 *
 * @throws {OciError} `INVALID_CONFIG` for an assignment without a name or `=`
 */
export function editedEnvironment(
  before: readonly string[] | undefined,
  edit: EnvironmentEdit | undefined,
  os: string,
): readonly string[] | undefined {
  if (edit === undefined) return before;
  const keyOf = (name: string): string => (os === 'windows' ? name.toUpperCase() : name);
  const assignments = new Map<string, string>();
  for (const text of edit.set ?? []) {
    const at = text.indexOf('=');
    if (at < 1) {
      throw new OciError('INVALID_CONFIG', `Invalid environment variable ${quoted(text)}: NAME=VALUE expected`);
    }
    assignments.set(keyOf(text.slice(0, at)), text.slice(at + 1));
  }
  const removed = new Set(edit.unset?.map(keyOf));
  const seen = new Set<string>();
  const kept = (before ?? []).map((entry) => {
    const name = nameOf(entry);
    const value = assignments.get(keyOf(name));
    seen.add(keyOf(name));
    return value === undefined ? entry : `${name}=${value}`;
  });
  const added = Array.from(assignments, ([name, value]) => (seen.has(name) ? [] : [`${name}=${value}`])).flat();
  return [...kept, ...added].filter((entry) => !removed.has(keyOf(nameOf(entry))));
}

function nameOf(entry: string): string {
  const at = entry.indexOf('=');
  return at < 0 ? entry : entry.slice(0, at);
}
