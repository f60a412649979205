import { readFile } from 'node:fs/promises';
import { fileFault } from '../../content/file-fault.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import type { RegistryName } from '../../oci/reference.ts';
import type { Keychain, NamedKeychain } from '../auth/credential.ts';
import type { CredentialEnvironment } from '../auth/environment.ts';
import type { HostSettings } from '../transport/host-settings.ts';
import { routeBy, type RouteSource } from '../transport/route.ts';
import { keychainOf } from './credential-source.ts';
import type { HostFiles } from './host-files.ts';
import { entryOf, type HostsFile, parseHostsFile } from './hosts-file.ts';
import { noRegistriesConf, parseRegistriesConf, type RegistriesConf, routeIn } from './registries-conf.ts';
import type { TlsFiles } from './tls-files.ts';

/** What files say about hosts. */
export interface ConfiguredHosts {
  settingsOf(registry: RegistryName): HostSettings;
  tlsOf(registry: RegistryName): TlsFiles;
  readonly routes: RouteSource;
  /** Credentials from where our file says they are, for other hosts what is stored. */
  keychain(stored: Keychain): Keychain;
  /** Where our file says that credentials of a host are; `undefined` where it says nothing. */
  credentialsOf(registry: RegistryName): NamedKeychain | undefined;
}

/**
 * Reads settings of hosts. Our own file has to be right; what is wrong with those of containers is told as a warning.
 *
 * @throws {OciError} `INVALID_SETTINGS`
 */
export async function readConfiguredHosts(
  files: HostFiles,
  environment: CredentialEnvironment,
): Promise<ConfiguredHosts> {
  const warn = environment.onWarning ?? (() => {});
  const [own, conf] = await Promise.all([readOwn(files.config, environment), readConf(files.registries, warn)]);
  const keychains = new Map<RegistryName, Keychain | undefined>();
  const entry = (registry: RegistryName): ReturnType<typeof entryOf> => entryOf(own, registry);
  const ownKeychain = (registry: RegistryName): Keychain | undefined => {
    const { credentials } = entry(registry);
    const known = keychains.get(registry) ?? (credentials && keychainOf(credentials, own.source, environment));
    keychains.set(registry, known);
    return known;
  };
  return {
    settingsOf(registry) {
      const { settings } = entry(registry);
      return conf.insecure.get(registry) === true ? { insecure: true, ...settings } : settings;
    },
    tlsOf: (registry) => entry(registry).tls,
    routes(repository) {
      const route = routeIn(conf, repository);
      const { settings } = entry(repository.registry);
      if (route === undefined || settings.mirrors === undefined) return route;
      return { ...route, mirrors: routeBy(settings, repository).mirrors };
    },
    keychain: (stored) => async (scope, options) => (ownKeychain(scope.registry) ?? stored)(scope, options),
    credentialsOf(registry) {
      const find = ownKeychain(registry);
      return find === undefined ? undefined : { name: own.source, find };
    },
  };
}

/** Settings of thousands of hosts take less. */
const maxFileSize = 1024 * 1024;

async function readOwn(path: string | undefined, { homedir }: CredentialEnvironment): Promise<HostsFile> {
  if (path === undefined) return { source: '', hosts: new Map(), common: { settings: {}, tls: {} } };
  try {
    const text = await readText(path);
    return await parseHostsFile(text, { source: path, homedir });
  } catch (cause) {
    const fault = fileFault(cause, 'read', path);
    if (!isOciError(fault, 'FILE_SYSTEM')) throw fault;
    throw new OciError('INVALID_SETTINGS', `${fault.message}, which is to hold settings of hosts`, { cause });
  }
}

async function readConf(paths: readonly string[], warn: (message: string) => void): Promise<RegistriesConf> {
  let conf = noRegistriesConf;
  for (const path of paths) {
    try {
      conf = await parseRegistriesConf(await readText(path), path, warn, conf);
    } catch (error) {
      const fault = fileFault(error, 'read', path);
      if (!isOciError(fault)) throw fault;
      warn(`${path} is left out: ${messageOf(fault)}`);
    }
  }
  return conf;
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.byteLength <= maxFileSize) return bytes.toString('utf8');
  const message = `${quoted(path)} has ${bytes.byteLength} bytes, the limit for settings is ${maxFileSize}`;
  throw new OciError('INVALID_SETTINGS', message);
}
