import type { CredentialScope, Keychain } from '../remote/auth/credential.ts';
import { isDockerHub, readAuthEntry } from '../remote/auth/auth-entries.ts';
import { parseSettings } from '../remote/auth/config-source.ts';
import type { Credential } from '../remote/auth/credential.ts';
import { dockerHub } from '../oci/reference.ts';
import { readSecretFiles, type SecretFile } from './secret-files.ts';

export interface PullSecretsOptions {
  /** Told about entries that are skipped. It must not throw. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Credentials from Kubernetes pull secrets in files: `.dockerconfigjson` and the older `.dockercfg`, by themselves, in the
 * directory of a mounted secret, or in a directory of such directories. They are matched as the kubelet does: hosts of as many
 * labels, with `*` and `?` within a label, and a path that the repository starts with; among several the longest key wins.
 * Crane-library reference, section 5.6. The files are read when first needed, once.
 *
 * @throws {OciError} `INVALID_SETTINGS` for a file that is malformed, `FILE_SYSTEM` for one that cannot be read
 */
export function pullSecretsKeychain(paths: readonly string[], { onWarning }: PullSecretsOptions = {}): Keychain {
  let entries: Promise<readonly Entry[]> | undefined;
  return async (scope, { signal } = {}) => {
    signal?.throwIfAborted();
    entries ??= readSecretFiles(paths).then((files) => files.flatMap(entriesOf).toSorted(compareKeys));
    for (const entry of await entries) {
      const credential = matches(entry, scope) ? credentialOf(entry, onWarning) : undefined;
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}

/** What a key is good for. */
interface Place {
  readonly host: string;
  readonly port: string;
  readonly path: string;
}

interface Entry {
  /** As it is written in the file. */
  readonly key: string;
  readonly place: Place;
  readonly value: unknown;
  readonly file: string;
}

function entriesOf({ file, bytes }: SecretFile): readonly Entry[] {
  const document = parseSettings(bytes, file);
  // What has no `auths` is the older form: the entries themselves.
  const auths: unknown = Object.hasOwn(document, 'auths') ? document['auths'] : document;
  if (typeof auths !== 'object' || auths === null) return [];
  return Object.entries(auths).map(([key, value]) => ({ key, place: placeOf(key), value, file }));
}

function placeOf(key: string): Place {
  const bare = key.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/\/+$/, '');
  const slash = bare.indexOf('/');
  const [host, port] = splitPort(slash < 0 ? bare : bare.slice(0, slash));
  const path = slash < 0 ? '' : bare.slice(slash + 1).replace(/^v[12](?:\/|$)/, '');
  return { host, port, path };
}

function splitPort(authority: string): readonly [host: string, port: string] {
  const [, host = authority, port = ''] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  return [isDockerHub(host) ? dockerHub : host.toLowerCase(), port];
}

/** Longer keys before those they start with. */
function compareKeys(a: Entry, b: Entry): number {
  const [left, right] = [a.place, b.place].map(({ host, port, path }) => `${host}:${port}/${path}`);
  return left === right ? 0 : (left ?? '') < (right ?? '') ? 1 : -1;
}

function matches({ place }: Entry, { registry, repository = '' }: CredentialScope): boolean {
  const [host, port] = splitPort(registry);
  if (place.port !== port || !repository.startsWith(place.path)) return false;
  const patterns = place.host.split('.');
  const labels = host.split('.');
  return patterns.length === labels.length && patterns.every((pattern, i) => matchesLabel(pattern, labels[i] ?? ''));
}

/** `*` and `?` are as far as such keys go. Without back-tracking: the file may come from elsewhere. */
function matchesLabel(pattern: string, label: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!fits(first, label, 0)) return false;
  let at = first.length;
  for (const [i, part] of rest.entries()) {
    const isLast = i === rest.length - 1;
    let start = isLast ? Math.max(at, label.length - part.length) : at;
    while (start + part.length <= label.length && !fits(part, label, start)) start++;
    if (start + part.length > label.length) return false;
    at = start + part.length;
  }
  return at === label.length;
}

function fits(part: string, label: string, start: number): boolean {
  if (start + part.length > label.length) return false;
  return Array.from(part).every((character, i) => character === '?' || character === label[start + i]);
}

function credentialOf({ key, value, file }: Entry, onWarning: PullSecretsOptions['onWarning']): Credential | undefined {
  try {
    return readAuthEntry(value, file);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    onWarning?.(`The entry for ${JSON.stringify(key)} in ${file} is skipped: ${error.message}`);
    return undefined;
  }
}
