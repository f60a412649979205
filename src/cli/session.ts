import { collect } from '../content/bytes.ts';
import type { Platform } from '../oci/platform.ts';
import { formatRepository, type Repository } from '../oci/reference.ts';
import type { RemoteStore } from '../remote/remote-store.ts';
import type { Transport } from '../remote/transport/transport.ts';
import type { RepositoryAccess } from '../wire/scope.ts';
import { Connections } from './connections.ts';
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
  #connections: Connections | undefined;
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

  /** How much of what happens is shown: 0 to 2. */
  get verbosity(): number {
    return this.#globals?.verbose ?? 0;
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

  /** A repository in its registry. */
  async repository(repository: Repository, access: RepositoryAccess = 'pull'): Promise<RemoteStore> {
    this.connections.asks(repository.registry);
    const key = `${access} ${formatRepository(repository)}`;
    const known = this.#stores.get(key) ?? this.#openRepository(repository, access);
    this.#stores.set(key, known);
    return known;
  }

  get connections(): Connections {
    this.#connections ??= new Connections({
      process: this.process,
      log: this.log,
      globals: this.#globals,
      password: () => this.password(),
    });
    return this.#connections;
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
    return this.connections.transport();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#open.map((resource) => resource[Symbol.asyncDispose]()));
    await this.#connections?.close();
  }

  async #openRepository(repository: Repository, access: RepositoryAccess): Promise<RemoteStore> {
    const [transport, { RemoteStore }] = await Promise.all([this.transport(), import('../remote/remote-store.ts')]);
    return new RemoteStore(repository, { transport, access });
  }
}
