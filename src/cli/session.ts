import { collect } from '../content/bytes.ts';
import type { Platform } from '../oci/platform.ts';
import { type RegistryName, type Repository, formatRepository } from '../oci/reference.ts';
import type { Keychain } from '../remote/auth/credential.ts';
import type { CredentialEnvironment } from '../remote/auth/environment.ts';
import type { RemoteStore } from '../remote/remote-store.ts';
import type { TransportEvent } from '../remote/transport/events.ts';
import type { Transport } from '../remote/transport/transport.ts';
import type { RepositoryAccess } from '../wire/scope.ts';
import type { Globals } from './globals.ts';
import { UsageError } from './framework/usage-error.ts';
import { createLog, type Log } from './log.ts';
import type { Output, Process } from './process.ts';

/** Tokens of some registries are a few KiB long. */
const maxPasswordSize = 64 * 1024;

/**
 * One run of the program: the injected process, the global flags, and what commands share because of them. Everything
 * heavy is made when it is first asked for.
 */
export class Session {
  readonly process: Process;
  readonly log: Log;
  readonly #open: AsyncDisposable[] = [];
  readonly #stores = new Map<string, Promise<RemoteStore>>();
  #globals: Globals | undefined;
  #transport: Promise<Transport> | undefined;
  #passwordFor: RegistryName | undefined;
  #password: Promise<string> | undefined;

  constructor(process: Process) {
    this.process = process;
    this.log = createLog(process);
  }

  get stdout(): Output {
    return this.process.stdout;
  }

  get stderr(): Output {
    return this.process.stderr;
  }

  get signal(): AbortSignal {
    return this.process.signal;
  }

  get platform(): Platform | undefined {
    return this.#globals?.platform;
  }

  get verbose(): boolean {
    return this.#globals?.verbose ?? false;
  }

  get nonDistributable(): boolean {
    return this.#globals?.['allow-nondistributable-artifacts'] ?? false;
  }

  /** @throws {UsageError} for a password without a user, which would be sent to nobody */
  configure(globals: Globals): void {
    const { username, password, 'password-stdin': passwordStdin } = globals;
    if (username === '' && (password !== '' || passwordStdin))
      throw new UsageError('a password needs a username: -u USER');
    this.#globals = globals;
  }

  /** The result of a command. */
  async print(chunk: string | Uint8Array): Promise<void> {
    await this.stdout.write(chunk);
  }

  /** Has it closed when the command ends, whatever happens. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  /** Credentials of the command line are for one registry: that which the command writes to, else the first it asks. */
  writesTo(registry: RegistryName): void {
    this.#passwordFor = registry;
  }

  /** @see writesTo */
  asks(registry: RegistryName): void {
    this.#passwordFor ??= registry;
  }

  /** A repository in its registry. */
  async repository(repository: Repository, access: RepositoryAccess = 'pull'): Promise<RemoteStore> {
    this.asks(repository.registry);
    const key = `${access} ${formatRepository(repository)}`;
    const known = this.#stores.get(key) ?? this.#openRepository(repository, access);
    this.#stores.set(key, known);
    return known;
  }

  /** Where Docker, podman and their like keep credentials. */
  credentialEnvironment(): CredentialEnvironment {
    const { env, homedir, platform } = this.process;
    return { env, homedir, platform, onWarning: (message) => this.log.warn(message) };
  }

  /** Credentials of the command line for the one registry they are for, else what is stored. */
  async keychain(): Promise<Keychain> {
    const { defaultKeychain } = await import('../remote/auth/docker-config.ts');
    const stored = defaultKeychain(this.credentialEnvironment());
    const username = this.#globals?.username ?? '';
    if (username === '') return stored;
    const password = await this.password();
    const given = { source: 'the command line', username, password };
    return async (scope, options) =>
      this.#passwordFor === undefined || scope.registry === this.#passwordFor ? given : stored(scope, options);
  }

  /** The password in front of the command's name; empty when there is none. */
  async password(): Promise<string> {
    if (this.#globals?.['password-stdin'] === true) this.#password ??= this.readPassword();
    return this.#password ?? this.#globals?.password ?? '';
  }

  /** Standard input, without the line end that ends it. */
  async readPassword(): Promise<string> {
    const bytes = await collect(this.process.stdin, maxPasswordSize, 'The password');
    return Buffer.from(bytes).toString().replace(/\n$/, '').replace(/\r$/, '');
  }

  async transport(): Promise<Transport> {
    this.#transport ??= this.#createTransport();
    return this.#transport;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#open.map((resource) => resource[Symbol.asyncDispose]()));
    // One that could not be made has been reported by whoever asked for it.
    await this.#transport?.then(
      (transport) => transport.close(),
      () => {},
    );
  }

  async #openRepository(repository: Repository, access: RepositoryAccess): Promise<RemoteStore> {
    const [transport, { RemoteStore }] = await Promise.all([this.transport(), import('../remote/remote-store.ts')]);
    return new RemoteStore(repository, { transport, access });
  }

  async #createTransport(): Promise<Transport> {
    const [{ createTransport }, { nodeHttp }, { configuredHeaders }] = await Promise.all([
      import('../remote/transport/transport.ts'),
      import('../remote/transport/node-http.ts'),
      import('../remote/auth/docker-config.ts'),
    ]);
    const { program, version, env } = this.process;
    return createTransport({
      exchange: nodeHttp({
        ca: async () => (await import('./trusted-certificates.ts')).trustedCertificates(env),
      }),
      userAgent: `${program}/${version} crane-oci/${version}`,
      insecure: this.#globals?.insecure ?? false,
      keychain: await this.keychain(),
      headers: async () => configuredHeaders(this.credentialEnvironment()),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  #onEvent(event: TransportEvent): void {
    const { verbose } = this;
    switch (event.type) {
      case 'warning':
        return this.log.warn(event.message);
      case 'retry':
        return this.log.line(`retrying in ${(event.delayMs / 1000).toFixed(1)} s: ${event.message}`);
      case 'request':
        return verbose ? this.log.line(`--> ${event.method} ${event.url}`) : undefined;
      case 'response':
        return verbose
          ? this.log.line(`<-- ${event.status} ${event.method} ${event.url} (${Math.round(event.milliseconds)}ms)`)
          : undefined;
      default:
        return event satisfies never;
    }
  }
}
