import type { RegistryName } from '../../oci/reference.ts';
import type { Keychain, NamedKeychain } from '../../remote/auth/credential.ts';
import type { CredentialEnvironment } from '../../remote/auth/environment.ts';
import type { ConfiguredHosts } from '../../remote/hosts/configured-hosts.ts';
import { findHostFiles, type HostFiles } from '../../remote/hosts/host-files.ts';
import type { TlsFiles } from '../../remote/hosts/tls-files.ts';
import type { HostSettings, TlsSettings, TlsSource } from '../../remote/transport/host-settings.ts';
import type { RouteSource } from '../../remote/transport/route.ts';

/** What goes before what files say. */
export interface HostOverrides {
  /** Take plain http and any certificate, whatever a file says. */
  readonly insecure: boolean;
  /** The first that has a client certificate counts; authorities add up. */
  readonly tls: readonly TlsFiles[];
}

/** Settings of hosts from files, for one run. Where no file is, nothing is loaded. */
export class HostConfiguration {
  readonly #files: HostFiles;
  readonly #configured: ConfiguredHosts | undefined;

  /** @throws {OciError} `INVALID_SETTINGS` */
  static async read(environment: CredentialEnvironment, config: string): Promise<HostConfiguration> {
    const { env, homedir, platform = '' } = environment;
    const files = findHostFiles({ env, homedir, platform }, config);
    if (files.config === undefined && files.registries.length === 0) return new HostConfiguration(files, undefined);
    const { readConfiguredHosts } = await import('../../remote/hosts/configured-hosts.ts');
    return new HostConfiguration(files, await readConfiguredHosts(files, environment));
  }

  constructor(files: HostFiles, configured: ConfiguredHosts | undefined) {
    this.#files = files;
    this.#configured = configured;
  }

  settingsOf(registry: RegistryName, { insecure, tls }: HostOverrides): HostSettings {
    const settings = this.#configured?.settingsOf(registry) ?? {};
    const own = this.#configured?.tlsOf(registry) ?? {};
    return {
      ...settings,
      ...(insecure ? { insecure } : {}),
      tls: this.#tlsOf(registry, [...tls, own].filter(namesFiles)),
    };
  }

  get routes(): RouteSource | undefined {
    return this.#configured?.routes;
  }

  keychain(stored: Keychain): Keychain {
    return this.#configured?.keychain(stored) ?? stored;
  }

  /** Where a settings file says that the credentials of a registry are. */
  credentialsOf(registry: RegistryName): NamedKeychain | undefined {
    return this.#configured?.credentialsOf(registry);
  }

  /** Read once, when TLS is first needed. */
  #tlsOf(registry: RegistryName, files: readonly TlsFiles[]): TlsSource | undefined {
    const { certs } = this.#files;
    if (files.length === 0 && certs.length === 0) return undefined;
    let settings: Promise<TlsSettings | undefined> | undefined;
    const read = async (): Promise<TlsSettings | undefined> =>
      (await import('../../remote/hosts/host-tls.ts')).readHostTls(registry, files, certs);
    return async () => (settings ??= read());
  }
}

function namesFiles({ caFile, certFile, keyFile }: TlsFiles): boolean {
  return caFile !== undefined || certFile !== undefined || keyFile !== undefined;
}
