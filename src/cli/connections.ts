import type { RegistryName } from '../oci/reference.ts';
import type { Keychain } from '../remote/auth/credential.ts';
import type { CredentialEnvironment } from '../remote/auth/environment.ts';
import type { Transport } from '../remote/transport/transport.ts';
import type { Globals } from './globals.ts';
import type { Log } from './log.ts';
import type { Process } from './process.ts';
import { traceTo } from './trace.ts';

/** What {@link Connections} are made from. */
export interface ConnectionsContext {
  readonly process: Process;
  readonly log: Log;
  readonly globals: Globals | undefined;
  /** The password in front of the command's name; empty when there is none. */
  password(): Promise<string>;
}

/** How one run of the program reaches registries: credentials, certificates, proxies, limits. Made when first asked for. */
export class Connections {
  readonly #context: ConnectionsContext;
  #transport: Promise<Transport> | undefined;
  #passwordFor: RegistryName | undefined;

  constructor(context: ConnectionsContext) {
    this.#context = context;
  }

  /** Credentials of the command line are for one registry: that which the command writes to, else the first it asks. */
  writesTo(registry: RegistryName): void {
    this.#passwordFor = registry;
  }

  /** @see writesTo */
  asks(registry: RegistryName): void {
    this.#passwordFor ??= registry;
  }

  async transport(): Promise<Transport> {
    this.#transport ??= this.#createTransport();
    return this.#transport;
  }

  /** Where Docker, podman and their like keep credentials. */
  credentialEnvironment(): CredentialEnvironment {
    const { process, log } = this.#context;
    const { env, homedir, platform } = process;
    return { env, homedir, platform, onWarning: (message) => log.warn(message) };
  }

  /** Credentials of the command line for the one registry they are for, else what is stored. */
  async keychain(): Promise<Keychain> {
    const { defaultKeychain } = await import('../remote/auth/docker-config.ts');
    const stored = defaultKeychain(this.credentialEnvironment());
    const username = this.#context.globals?.username ?? '';
    if (username === '') return stored;
    const given = { source: 'the command line', username, password: await this.#context.password() };
    return async (scope, options) =>
      this.#passwordFor === undefined || scope.registry === this.#passwordFor ? given : stored(scope, options);
  }

  async close(): Promise<void> {
    // One that could not be made has been reported by whoever asked for it.
    await this.#transport?.then(
      (transport) => transport.close(),
      () => {},
    );
  }

  async #createTransport(): Promise<Transport> {
    const [{ createTransport }, { nodeHttp }, { configuredHeaders }] = await Promise.all([
      import('../remote/transport/transport.ts'),
      import('../remote/transport/node-http.ts'),
      import('../remote/auth/docker-config.ts'),
    ]);
    const { process, log, globals } = this.#context;
    const { program, version, env } = process;
    return createTransport({
      exchange: nodeHttp({
        ca: async () => (await import('./trusted-certificates.ts')).trustedCertificates(env),
      }),
      userAgent: `${program}/${version} crane-oci/${version}`,
      insecure: globals?.insecure ?? false,
      keychain: await this.keychain(),
      headers: async () => configuredHeaders(this.credentialEnvironment()),
      onEvent: traceTo(log, globals?.verbose ?? 0),
    });
  }
}
