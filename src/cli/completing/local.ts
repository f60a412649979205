import type { Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { canListTags } from '../../store/capabilities.ts';
import type { Candidate } from '../framework/flag.ts';
import { isStandardStream, parseLocation } from '../location.ts';
import { openStore } from '../open.ts';
import type { Session } from '../session.ts';

export interface LocalRequest {
  /** With the prefix. */
  readonly word: string;
  readonly session: Session;
  readonly local: 'images' | 'places';
  readonly signal: AbortSignal;
}

/** Candidates for a word that begins with the prefix of local content. */
export async function findLocal(found: Candidate[], request: LocalRequest): Promise<void> {
  const { word, local } = request;
  const kind = word.slice(0, word.indexOf(':'));
  const rest = word.slice(kind.length + 1);
  if (kind === 'docker-daemon') return findInEngine(found, request, rest);
  const colon = kind === 'docker-archive' ? rest.indexOf(':') : rest.lastIndexOf(':');
  const isPath = colon === -1 || (kind !== 'docker-archive' && rest.includes('/', colon));
  if (isPath) await findFiles(found, kind, rest);
  else if (local === 'images') await findInside(found, request, `${kind}:${rest.slice(0, colon)}`);
}

/** The images of an archive or layout that have a name which an argument can have, too. */
async function findInside(found: Candidate[], { session, signal }: LocalRequest, place: string): Promise<void> {
  const location = parseLocation(place);
  // Standard input is for the command, and not for the key that completes it.
  if (isStandardStream(location)) return;
  const store = await openStore(session, location);
  if (!canListTags(store)) return;
  for await (const page of store.tags({ signal })) {
    found.push(...page.map((name) => ({ value: `${place}:${name}` })).filter(({ value }) => isLocation(value)));
  }
}

function isLocation(text: string): boolean {
  try {
    parseLocation(text);
    return true;
  } catch {
    return false;
  }
}

async function findInEngine(found: Candidate[], { session, signal }: LocalRequest, start: string): Promise<void> {
  const { sessionEngine } = await import('../engine/session-engine.ts');
  const names = await (await sessionEngine(session)).names({ signal });
  found.push(...names.filter((name) => name.startsWith(start)).map((name) => ({ value: `docker-daemon:${name}` })));
}

/** Shells complete names of files at the beginning of a word only. */
async function findFiles(found: Candidate[], kind: string, rest: string): Promise<void> {
  const directory = rest.slice(0, rest.lastIndexOf('/') + 1);
  const start = rest.slice(directory.length);
  const entries = await readdir(directory === '' ? '.' : directory, { withFileTypes: true });
  const fitting = entries.filter(
    ({ name }) => name.startsWith(start) && (!name.startsWith('.') || start.startsWith('.')) && isPlain(name),
  );
  const candidates = fitting.map((entry) => candidateFor(entry, kind, directory));
  found.push(...(await Promise.all(candidates)).filter((candidate) => candidate !== undefined));
}

/** A name that a terminal shows as something else could not be inserted. */
function isPlain(name: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name);
}

/** Directories go on; so do layouts and archives, whose images have tags. */
async function candidateFor(entry: Dirent, kind: string, directory: string): Promise<Candidate | undefined> {
  const path = `${directory}${entry.name}`;
  const value = `${kind}:${path}`;
  if (await isDirectory(entry, path)) {
    return { value: kind === 'oci' && (await exists(join(path, 'oci-layout'))) ? value : `${value}/`, goesOn: true };
  }
  return kind === 'oci' ? undefined : { value, goesOn: true };
}

async function isDirectory(entry: Dirent, path: string): Promise<boolean> {
  return entry.isDirectory() || (entry.isSymbolicLink() && (await exists(`${path}/.`)));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
