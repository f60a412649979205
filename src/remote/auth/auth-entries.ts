import { dockerHub } from '../../oci/reference.ts';
import type { Credential, CredentialScope } from './credential.ts';

/** The key Docker's own tools keep Docker Hub's credentials under. */
export const dockerHubKey = 'https://index.docker.io/v1/';

/** Its host under all names, and the name of its service, which people take for one (demand-and-quirks reference, Q-17). */
const dockerHubHosts: ReadonlySet<string> = new Set([
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'registry.docker.io',
  'registry.hub.docker.com',
]);

/** The key under which a registry's credentials are stored. */
export function keyOf(registry: string): string {
  return isDockerHub(registry) ? dockerHubKey : registry;
}

/**
 * What a credential can be stored under for a repository, the most special first: the repository, each path above it, the
 * registry. A key with a path is good only below that path.
 */
export function candidatesOf({ registry, repository }: CredentialScope): readonly string[] {
  const host = canonicalHost(registry);
  const parts = repository === undefined ? [] : repository.split('/');
  return [...parts.keys()].map((i) => `${host}/${parts.slice(0, parts.length - i).join('/')}`).concat(host);
}

/** A key of a file in the form {@link candidatesOf} gives: no scheme, no API version, Docker Hub under one name. */
export function normalizeKey(key: string): string {
  const bare = key.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/\/+$/, '');
  const slash = bare.indexOf('/');
  const host = canonicalHost(slash < 0 ? bare : bare.slice(0, slash));
  const path = slash < 0 ? '' : bare.slice(slash + 1).replace(/^v[12](?:\/|$)/, '');
  return path === '' ? host : `${host}/${path}`;
}

/**
 * The key of a map that fits a candidate best: written just so, else the first of those that mean the same. Several may, with
 * and without scheme, and the choice must not depend on the order in the file.
 */
export function matchingKey(keys: Iterable<string>, candidate: string): string | undefined {
  const fitting = [...keys].filter((key) => normalizeKey(key) === candidate).sort();
  const preferred = candidate === dockerHub ? dockerHubKey : candidate;
  return fitting.includes(preferred) ? preferred : fitting[0];
}

/**
 * Reads one entry of `auths`.
 *
 * @returns `undefined` when it is empty, as those are that stand for a helper's
 * @throws {TypeError} saying what is wrong, without the value
 */
export function readAuthEntry(entry: unknown, source: string): Credential | undefined {
  if (typeof entry !== 'object' || entry === null) throw new TypeError('it is no object');
  const fields = entry as Readonly<Record<string, unknown>>;
  const identityToken = textField(fields, 'identitytoken');
  const registryToken = textField(fields, 'registrytoken');
  if (registryToken !== undefined && !/^[\x20-\x7e]+$/.test(registryToken)) {
    throw new TypeError('its registrytoken has characters that no header has');
  }
  const user = readUser(fields, identityToken !== undefined || registryToken !== undefined);
  // What helpers mark so has come into files, too.
  if (user?.username === '<token>' && identityToken === undefined && user.password !== '') {
    return { source, identityToken: user.password, ...(registryToken === undefined ? {} : { registryToken }) };
  }
  if (user === undefined && identityToken === undefined && registryToken === undefined) return undefined;
  return {
    source,
    ...user,
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
  };
}

function readUser(
  fields: Readonly<Record<string, unknown>>,
  hasToken: boolean,
): { readonly username: string; readonly password: string } | undefined {
  const auth = textField(fields, 'auth');
  if (auth === undefined) {
    const username = textField(fields, 'username');
    return username === undefined ? undefined : { username, password: textField(fields, 'password') ?? '' };
  }
  const text = decodeAuth(auth);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 1) {
    if (hasToken) return undefined;
    throw new TypeError('its auth is not base64 of user:password');
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decodeAuth(auth: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(auth.trim())) return undefined;
  // Docker once padded with NUL bytes.
  return Buffer.from(auth.trim(), 'base64').toString('utf8').replace(/\0+$/, '');
}

function textField(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new TypeError(`its ${name} is no text`);
  return value;
}

/** Names of hosts have no case. */
function canonicalHost(host: string): string {
  return isDockerHub(host) ? dockerHub : host.toLowerCase();
}

/** Whether a host is Docker Hub's under any of its names. */
export function isDockerHub(host: string): boolean {
  return dockerHubHosts.has(host.toLowerCase());
}
