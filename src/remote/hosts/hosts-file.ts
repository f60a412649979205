import { isAbsolute, join, resolve } from 'node:path';
import { messageOf } from '../../errors.ts';
import { checkRepositoryName, dockerHub, parseRegistry, type RegistryName } from '../../oci/reference.ts';
import { isDockerHub } from '../auth/auth-entries.ts';
import type { HostSettings, Mirror } from '../transport/host-settings.ts';
import { headerName, headerValue, reservedHeaders } from '../transport/usable-headers.ts';
import { parseByteSize } from './byte-size.ts';
import { type CredentialSource, readCredentials } from './credential-source.ts';
import { parseSettingsFile, type SettingsNode } from './settings-node.ts';
import type { NamedFile, TlsFiles } from './tls-files.ts';

/** What is set for one host: what a transport takes as it is, and what has to be read from other files first. */
export interface HostEntry {
  readonly settings: HostSettings;
  readonly tls: TlsFiles;
  readonly credentials?: CredentialSource | undefined;
}

/** A settings file of ours. docs/configuration.md has the schema. */
export interface HostsFile {
  readonly source: string;
  readonly hosts: ReadonlyMap<RegistryName, HostEntry>;
  /** For what an entry of `hosts` leaves open: the one named `*`. */
  readonly common: HostEntry;
}

export interface HostsFileOptions {
  /** The file, for messages and for the paths in it, which start at its directory. */
  readonly source: string;
  /** What `~/` stands for. */
  readonly homedir: string;
}

/**
 * Reads settings of hosts.
 *
 * @throws {OciError} `INVALID_SETTINGS` naming file, line, column and key, and what is allowed there
 */
export async function parseHostsFile(text: string, options: HostsFileOptions): Promise<HostsFile> {
  const root = await parseSettingsFile(text, options.source);
  const { hosts } = root.fields(['hosts'], 'a map with the key hosts');
  const entries = new Map<RegistryName, HostEntry>();
  let common: HostEntry = { settings: {}, tls: {} };
  for (const [name, node] of hosts?.members('a map of host[:port] to settings') ?? []) {
    if (name === '*') common = readEntry(node, options, commonKeys);
    else {
      const registry = readRegistry(name, node);
      if (entries.has(registry)) throw node.fault(`${node.path} is the same host as one above: ${registry}`);
      entries.set(registry, readEntry(node, options, hostKeys));
    }
  }
  return { source: options.source, hosts: entries, common };
}

/** What is set for a registry: its own entry, over the common one. */
export function entryOf({ hosts, common }: HostsFile, registry: RegistryName): HostEntry {
  const own = hosts.get(registry);
  if (own === undefined) return common;
  const headers = { ...common.settings.headers, ...own.settings.headers };
  return {
    settings: { ...common.settings, ...own.settings, headers },
    tls: { ...common.tls, ...own.tls },
    credentials: own.credentials ?? common.credentials,
  };
}

const commonKeys = [
  'scheme',
  'insecure',
  'ca',
  'mirrors',
  'headers',
  'requestRate',
  'maxTransfers',
  'chunkSize',
  'maxConnectionsPerBlob',
  'createRepository',
  'credentials',
] as const;

// A certificate of one's own is for somebody in particular.
const hostKeys = [...commonKeys, 'cert', 'key'] as const;

type HostKey = (typeof hostKeys)[number];
type HostFields = Partial<Readonly<Record<HostKey, SettingsNode>>>;

function readEntry(node: SettingsNode, options: HostsFileOptions, keys: readonly HostKey[]): HostEntry {
  const fields: HostFields = node.fields(keys, `a map with some of the keys ${keys.join(', ')}`);
  const { credentials, ca, cert, key } = fields;
  if ((cert === undefined) !== (key === undefined)) {
    throw (cert ?? key ?? node).fault(
      `${node.path} has ${cert === undefined ? 'key' : 'cert'} alone, both go together`,
    );
  }
  return {
    settings: present({
      scheme: fields.scheme?.choice(['https', 'http']),
      insecure: fields.insecure?.boolean(),
      mirrors: fields.mirrors?.items('a list of mirrors').map(readMirror),
      headers: fields.headers === undefined ? undefined : readHeaders(fields.headers),
      requestRate: fields.requestRate?.number('a number above 0, of requests per second', (value) => value > 0),
      maxTransfers: fields.maxTransfers?.number('a whole number above 0', isCount),
      chunkSize: fields.chunkSize === undefined ? undefined : readSize(fields.chunkSize),
      maxConnectionsPerBlob: fields.maxConnectionsPerBlob?.number('a whole number above 0', isCount),
      createRepository: fields.createRepository?.boolean(),
    }),
    tls: present({
      caFile: ca && readPath(ca, options),
      certFile: cert && readPath(cert, options),
      keyFile: key && readPath(key, options),
    }),
    credentials: credentials && readCredentials(credentials, (path) => readPath(path, options).path),
  };
}

/** Without what is not set, so that it does not hide what is set elsewhere. */
function present<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function readRegistry(name: string, node: SettingsNode): RegistryName {
  if (isDockerHub(name)) return dockerHub;
  try {
    return parseRegistry(name);
  } catch (error) {
    throw node.fault(`${node.path} is no host: ${reasonOf(error)}`, 'Write host or host:port, or "*" for all');
  }
}

function readMirror(node: SettingsNode): Mirror {
  if (node.isText) return { registry: readRegistry(node.text('a host'), node) };
  const fields = node.fields(['host', 'prefix', 'pull', 'namespace'], 'a host, or a map with the key host');
  if (fields.host === undefined)
    throw node.fault(`${node.path} has no host`, 'Write the mirror as host[:port] in host');
  return present({
    registry: readRegistry(fields.host.text('a host'), fields.host),
    prefix: fields.prefix === undefined ? undefined : readPrefix(fields.prefix),
    pull: fields.pull?.choice(['all', 'digest', 'tag']),
    namespace: fields.namespace?.boolean(),
  });
}

function readPrefix(node: SettingsNode): string {
  const prefix = node.text('the start of repository names').replaceAll(/^\/+|\/+$/g, '');
  try {
    checkRepositoryName(prefix);
    return prefix;
  } catch (error) {
    throw node.fault(`${node.path} is no start of repository names: ${reasonOf(error)}`);
  }
}

function readHeaders(node: SettingsNode): Readonly<Record<string, string>> {
  const entries = node.members('a map of names to values').map(([name, value]) => {
    if (!headerName.test(name)) throw value.fault(`${value.path} is no name of a header`);
    if (reservedHeaders.has(name.toLowerCase())) throw value.fault(`${value.path} is not for settings to choose`);
    // The value may be a secret: it is not shown.
    const text = value.isText ? value.text('a text') : '';
    if (text === '' || !headerValue.test(text)) throw value.fault(`${value.path} is no text that a header can have`);
    return [name.toLowerCase(), text] as const;
  });
  return Object.fromEntries(entries);
}

function readSize(node: SettingsNode): number {
  const what = 'a size such as 8MiB, above 0';
  const size = parseByteSize(node.text(what));
  if (size === undefined || size === 0) throw node.mismatch(what);
  return size;
}

function readPath(node: SettingsNode, { source, homedir }: HostsFileOptions): NamedFile {
  const text = node.text('a path');
  const path = text.startsWith('~/') ? join(homedir, text.slice(2)) : text;
  return { path: isAbsolute(path) ? path : resolve(source, '..', path), from: `${node.path} in ${source}` };
}

function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^Invalid reference "(?:[^"\\]|\\.)*": /, '');
}
