import { isGoogleHost } from '../../remote/listing/google-hosts.ts';
import type { RegistryName } from '../../oci/reference.ts';
import type { Credential, Keychain, NamedKeychain } from '../../remote/auth/credential.ts';
import type { CredentialEnvironment } from '../../remote/auth/environment.ts';
import type { Exchange } from '../../remote/transport/exchange.ts';
import type { HostLimits } from '../../remote/transport/host-limits.ts';
import type { HostSettings } from '../../remote/transport/host-settings.ts';
import type { RouteSource } from '../../remote/transport/route.ts';
import type { Transport } from '../../remote/transport/transport.ts';
import type { TlsFiles } from '../../remote/hosts/tls-files.ts';
import type { Globals } from '../globals.ts';
import { createInCloud } from './create-in-cloud.ts';
import type { CredentialPlaces } from './credential-sources.ts';
import { HostConfiguration } from './host-configuration.ts';
import type { Log } from '../log.ts';
import type { Process } from '../process.ts';
import type { Side, SideSettings, SidesSettings } from './side-flags.ts';
import { tlsFilesOf } from './tls-files.ts';
import { traceTo } from './trace.ts';

/** What {@link Connections} are made from. */
export interface ConnectionsContext {
  readonly process: Process;
  readonly log: Log;
  readonly globals: Globals | undefined;
  /** What was told of one side of a copy only. */
  readonly sides: SidesSettings;
  /** The password in front of the command's name; empty when there is none. */
  password(): Promise<string>;
  /** A password from standard input. */
  readPassword(): Promise<string>;
}

/** What all transports of a run have in common: connections, and limits for each host. */
interface Shared {
  readonly exchange: Exchange;
  readonly limits: HostLimits;
}

/**
 * How one run of the program reaches registries: credentials, certificates, proxies, limits. Made when first asked for. There
 * is one transport, or where something was told of one side only, one more for that side.
 */
export class Connections {
  readonly #context: ConnectionsContext;
  readonly #transports = new Map<Side | 'any', Promise<Transport>>();
  /** The registry that each side is about: what is told of a side goes there only. */
  readonly #registries = new Map<Side, RegistryName>();
  /** Registries that the command names, and where settings lead from them: a client certificate is for them. */
  readonly #named = new Set<RegistryName>();
  #shared: Promise<Shared> | undefined;
  #configuration: Promise<HostConfiguration> | undefined;
  #stored: Promise<Keychain> | undefined;
  #passwordFor: RegistryName | undefined;
  #transfers = 0;

  constructor(context: ConnectionsContext) {
    this.#context = context;
  }

  /** Credentials of the command line are for one registry: that which the command writes to, else the first it asks. */
  writesTo(registry: RegistryName): void {
    this.#passwordFor = registry;
    this.#named.add(registry);
  }

  /** @see writesTo */
  asks(registry: RegistryName, side: Side = 'source'): void {
    this.#passwordFor ??= registry;
    this.#named.add(registry);
    if (!this.#registries.has(side)) this.#registries.set(side, registry);
  }

  /** Has room made at every host for so many transfers at once, where the user asked for more than is usual. */
  makeRoomFor(transfers: number): void {
    this.#transfers = Math.max(this.#transfers, transfers);
  }

  /** @param side matters where something was told of one side only. @default 'source' */
  async transport(side: Side = 'source'): Promise<Transport> {
    const settings = this.#context.sides[side];
    const key = settings === undefined ? 'any' : side;
    const known = this.#transports.get(key) ?? this.#createTransport(settings);
    this.#transports.set(key, known);
    return known;
  }

  /** For the time of one command that tries credentials out: they are shown to one registry only. */
  async transportWith(credential: Credential, registry: RegistryName): Promise<Transport> {
    this.#named.add(registry);
    return this.#createTransport(undefined, async (scope) => (scope.registry === registry ? credential : undefined));
  }

  /** Where Docker, podman and their like keep credentials. */
  credentialEnvironment(): CredentialEnvironment {
    const { process, log } = this.#context;
    const { env, homedir, platform } = process;
    return { env, homedir, platform, onWarning: (message) => log.warn(message) };
  }

  /**
   * Where credentials for a registry are looked for, in order. Where a settings file says where they are, nothing else is asked:
   * the source of that name comes first, and alone counts.
   */
  async credentialSources(registry: RegistryName): Promise<readonly NamedKeychain[]> {
    const [{ sourcesFor }, configuration] = await Promise.all([
      import('./registry-client.ts'),
      this.#readConfiguration(),
    ]);
    const own = configuration.credentialsOf(registry);
    return own === undefined ? sourcesFor(registry, this.#credentialPlaces()) : [own];
  }

  /** Credentials of the command line for the one registry they are for, else what is stored. */
  async keychain(settings?: SideSettings): Promise<Keychain> {
    this.#stored ??= this.#storedKeychain();
    const stored = await this.#stored;
    if (settings !== undefined && settings.username !== '') return this.#keychainOfSide(settings, stored);
    const username = this.#context.globals?.username ?? '';
    if (username === '') return stored;
    const given = { source: 'the command line', username, password: await this.#context.password() };
    return async (scope, options) => {
      this.#passwordFor ??= scope.registry;
      return scope.registry === this.#passwordFor ? given : stored(scope, options);
    };
  }

  async close(): Promise<void> {
    // What could not be made has been reported by whoever asked for it.
    await this.#shared?.then(
      ({ exchange }) => exchange.close?.(),
      () => {},
    );
  }

  async #keychainOfSide(settings: SideSettings, stored: Keychain): Promise<Keychain> {
    const { side, username, passwordStdin } = settings;
    const password = passwordStdin ? await this.#context.readPassword() : settings.password;
    const given = { source: `--${side}-username`, username, password };
    return async (scope, options) => (scope.registry === this.#registries.get(side) ? given : stored(scope, options));
  }

  async #storedKeychain(): Promise<Keychain> {
    const [{ placesKeychain }, configuration] = await Promise.all([
      import('./registry-client.ts'),
      this.#readConfiguration(),
    ]);
    return configuration.keychain(placesKeychain(this.#credentialPlaces()));
  }

  #credentialPlaces(): CredentialPlaces {
    const stored = this.credentialEnvironment();
    const { program } = this.#context.process;
    return {
      stored,
      // As gcrane has it: crane-cli reference, section 10.
      cloudFirst: program === 'gcrane' ? isGoogleHost : undefined,
      clouds: { ...stored, run: undefined, exchange: async () => (await this.#sharedParts()).exchange },
    };
  }

  #sharedParts(): Promise<Shared> {
    this.#shared ??= this.#share();
    return this.#shared;
  }

  async #readConfiguration(): Promise<HostConfiguration> {
    this.#configuration ??= HostConfiguration.read(this.credentialEnvironment(), this.#context.globals?.config ?? '');
    return this.#configuration;
  }

  async #createTransport(settings: SideSettings | undefined, keychain?: Keychain): Promise<Transport> {
    const [shared, configuration, { configuredHeaders, createTransport }] = await Promise.all([
      this.#sharedParts(),
      this.#readConfiguration(),
      import('./registry-client.ts'),
    ]);
    const { process, log, globals } = this.#context;
    const { program, version } = process;
    return createTransport({
      ...shared,
      userAgent: `${program}/${version} crane-oci/${version}`,
      insecure: globals?.insecure ?? false,
      hosts: (registry) => this.#settingsOf(registry, configuration, settings),
      routes: this.#routesOf(configuration),
      keychain: keychain ?? (await this.keychain(settings)),
      createRepository: (repository, options) =>
        createInCloud(repository, { ...options, ...this.#credentialPlaces().clouds }, log),
      headers: async () => configuredHeaders(this.credentialEnvironment()),
      onEvent: traceTo(log, globals?.verbose ?? 0),
    });
  }

  async #share(): Promise<Shared> {
    const { defaultTransfers, HostLimits, nodeHttp } = await import('./registry-client.ts');
    const { env, platform } = this.#context.process;
    const { caFile } = this.#filesOfFlags();
    return {
      limits: new HostLimits({ transfers: Math.max(defaultTransfers, this.#transfers) }),
      exchange: nodeHttp({
        ca: async () => (await import('./trusted-certificates.ts')).trustedCertificates(env, caFile),
        moreCa: async () => (await import('./trusted-certificates.ts')).systemCertificates(env, platform),
        proxy: await proxiesOf(env),
      }),
    };
  }

  /** What was told of a side is for the registry of that side. */
  #settingsOf(
    registry: RegistryName,
    configuration: HostConfiguration,
    settings: SideSettings | undefined,
  ): HostSettings {
    const { certFile, keyFile } = this.#filesOfFlags();
    const isSide = settings !== undefined && this.#registries.get(settings.side) === registry;
    const tls = [
      ...(isSide ? [tlsFilesOf(settings, `--${settings.side}-`)] : []),
      ...(this.#named.has(registry) ? [{ certFile, keyFile }] : []),
    ];
    const insecure = this.#context.globals?.insecure === true || (isSide && settings.insecure);
    const set = configuration.settingsOf(registry, { insecure, tls });
    const { globals } = this.#context;
    const { maxConnectionsPerBlob, createRepository = false } = set;
    return {
      ...set,
      maxConnectionsPerBlob: globals?.['max-connections-per-blob'] ?? maxConnectionsPerBlob,
      createRepository: globals?.['create-repository'] === true || createRepository,
    };
  }

  #routesOf({ routes }: HostConfiguration): RouteSource | undefined {
    if (routes === undefined) return undefined;
    return (repository) => {
      const route = routes(repository);
      if (route !== undefined) this.#named.add(route.repository.registry);
      return route;
    };
  }

  #filesOfFlags(): TlsFiles {
    const {
      'ca-file': caFile = '',
      'cert-file': certFile = '',
      'key-file': keyFile = '',
    } = this.#context.globals ?? {};
    return tlsFilesOf({ caFile, certFile, keyFile }, '--');
  }
}

const proxyVariables = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'] as const;

async function proxiesOf(env: Process['env']): Promise<((url: URL) => URL | undefined) | undefined> {
  if (proxyVariables.every((name) => (env[name] ?? '') === '')) return undefined;
  return (await import('../../remote/hosts/proxy-rules.ts')).environmentProxies(env);
}
