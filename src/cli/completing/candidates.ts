import { dockerHub, parseReference, parseRegistry, parseRepository, type Repository } from '../../oci/reference.ts';
import type { Candidate, CompletionRequest } from '../framework/flag.ts';
import { hasLocalPrefix } from '../location.ts';
import type { Session } from '../session.ts';
import { beforeDeadline } from './deadline.ts';
import { matching } from './matching.ts';

/** What an argument may name. */
export interface Wanted {
  readonly registry: 'images' | 'repositories' | 'hosts';
  /** `places` are layouts and archives, and not the images in them. */
  readonly local: 'images' | 'places' | 'none';
}

type Request = Pick<CompletionRequest<Session>, 'word' | 'context'>;

/**
 * What may stand in the place of `word`: tags behind `REPO:`, repositories behind `HOST/`, names of files and images behind
 * the prefixes of local content, and for the beginning of a word those prefixes and the registries that are known. Nothing
 * that fails, and no longer than the deadline.
 */
export async function candidatesFor(
  { word, context: session }: Request,
  wanted: Wanted,
): Promise<readonly Candidate[]> {
  if (hasLocalPrefix(word)) {
    const { local } = wanted;
    if (local === 'none') return [];
    const { findLocal } = await import('./local.ts');
    return beforeDeadline(session, (found, signal) => findLocal(found, { word, session, local, signal }));
  }
  const { host, name, tag } = partsOf(word);
  if (name === undefined) return [...prefixes(wanted), ...(await knownHosts(session, wanted))];
  if (wanted.registry === 'hosts') return [];
  if (tag !== undefined && wanted.registry === 'repositories') return [];
  return beforeDeadline(session, async (found, signal) => {
    const asked = { session, signal, found };
    if (tag !== undefined) await findTags(asked, parseRepository(name), { before: `${name}:`, tag });
    else if (host !== undefined) await findRepositories(asked, host, name, wanted.registry === 'images');
  });
}

/** The tags that stand beside `image`, wherever it is. */
export async function tagCandidates({ word, context: session }: Request, image: string): Promise<readonly Candidate[]> {
  if (hasLocalPrefix(image)) return [];
  return beforeDeadline(session, (found, signal) =>
    findTags({ session, signal, found }, parseReference(image), { before: '', tag: word }),
  );
}

interface Asked {
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly found: Candidate[];
}

/** A word as far as it goes. A name is there when a slash or the colon of a tag says that the name of the host has ended. */
interface Parts {
  readonly host?: string | undefined;
  readonly name?: string | undefined;
  readonly tag?: string | undefined;
}

function partsOf(word: string): Parts {
  const slash = word.indexOf('/');
  const first = slash === -1 ? word.replace(/:.*/s, '') : word.slice(0, slash);
  const isHost = /[.:]|^localhost$/.test(first);
  const colon = word.indexOf(':', word.lastIndexOf('/') + 1);
  // Behind the name of a host a colon is that of its port.
  if (slash === -1 && (colon === -1 || isHost)) return {};
  if (word.includes('@')) return { name: word };
  const host = isHost ? first : undefined;
  return colon === -1 ? { host, name: word } : { host, name: word.slice(0, colon), tag: word.slice(colon + 1) };
}

async function findTags(
  { session, signal, found }: Asked,
  repository: Repository,
  { before, tag }: { readonly before: string; readonly tag: string },
): Promise<void> {
  session.connections.asks(repository.registry);
  const store = await session.repository(repository);
  for await (const name of matching((last) => store.tags({ last, signal }), tag)) {
    found.push({ value: `${before}${name}` });
  }
}

/** Docker Hub has no catalog, and takes its time to say so. */
async function findRepositories(
  { session, signal, found }: Asked,
  host: string,
  word: string,
  goesOn: boolean,
): Promise<void> {
  const registry = parseRegistry(host);
  if (registry === dockerHub || /(?:^|\.)docker\.io$/.test(registry)) return;
  session.connections.asks(registry);
  const [{ catalog }, transport] = await Promise.all([import('../../remote/catalog.ts'), session.transport()]);
  const list = (last: string | undefined) => catalog(registry, { transport, last, signal });
  for await (const name of matching(list, word.slice(host.length + 1))) {
    found.push({ value: `${host}/${name}`, goesOn });
  }
}

function prefixes({ local }: Wanted): readonly Candidate[] {
  if (local === 'none') return [];
  const candidates = [
    { value: 'oci:', description: 'An OCI layout', goesOn: true },
    { value: 'oci-archive:', description: 'An archive of an OCI layout', goesOn: true },
    { value: 'docker-archive:', description: 'An archive as docker save writes it', goesOn: true },
    { value: 'docker-daemon:', description: 'An image of the Docker engine', goesOn: true },
  ];
  return local === 'images' ? candidates : candidates.slice(0, 3);
}

async function knownHosts(session: Session, { registry }: Wanted): Promise<readonly Candidate[]> {
  const { loggedInHosts } = await import('./logged-in-hosts.ts');
  const hosts = await loggedInHosts(session.connections.credentialEnvironment());
  return hosts.map((host) => (registry === 'hosts' ? { value: host } : { value: `${host}/`, goesOn: true }));
}
