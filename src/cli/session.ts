import { type LinkedAbort, linkedAbort } from '../async/linked-abort.ts';
import { collect } from '../content/bytes.ts';
import { quoted } from '../errors.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import { formatRepository, type Repository } from '../oci/reference.ts';
import type { RemoteStore } from '../remote/remote-store.ts';
import type { Transport } from '../remote/transport/transport.ts';
import type { ProgressEvent } from '../store/progress.ts';
import type { RepositoryAccess } from '../wire/scope.ts';
import { Connections } from './connections/connections.ts';
import type { Globals } from './globals.ts';
import { UsageError } from './framework/usage-error.ts';
import { readSides, type Side, type SideFlags, type SidesSettings } from './connections/side-flags.ts';
import { createLog, type Log } from './log.ts';
import type { Output, Process } from './process.ts';
import { LiveOutput } from './progress/live-output.ts';
import { progressModeFor } from './progress/mode.ts';
import { Progress } from './progress/progress.ts';
import { StandardStreams } from './standard-streams.ts';

/** Tokens of some registries are a few KiB long. */
const maxPasswordSize = 64 * 1024;

/**
 * One run of the program: the injected process, the global flags, and what commands share because of them. Everything
 * heavy is made when it is first asked for.
 */
export class Session {
  readonly process: Process;
  readonly log: Log;
  readonly streams: StandardStreams;
  readonly #output: LiveOutput;
  readonly #life: LinkedAbort;
  readonly #open: AsyncDisposable[] = [];
  readonly #stores = new Map<string, Promise<RemoteStore>>();
  #globals: Globals | undefined;
  #printsJson = false;
  #sides: SidesSettings = {};
  #progress: Progress | undefined;
  #connections: Connections | undefined;
  #password: Promise<string> | undefined;

  constructor(process: Process) {
    this.process = process;
    this.streams = new StandardStreams(process);
    this.#life = linkedAbort(process.signal);
    this.#output = new LiveOutput(process.stderr);
    this.log = createLog(process, {
      output: this.#output,
      quiet: () => this.#globals?.quiet ?? false,
      json: () => this.isJson,
    });
  }

  get stdout(): Output {
    return this.process.stdout;
  }

  get stderr(): Output {
    return this.process.stderr;
  }

  /** Aborted by Ctrl-C and termination, and when the command is over. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /**
   * The platform that was chosen; `undefined` for all.
   *
   * @throws {UsageError} when it is a list
   */
  get platform(): Platform | undefined {
    const last = this.#globals?.platform?.last ?? [];
    if (last.length > 1) {
      const given = quoted(last.map(formatPlatform).join(','));
      throw new UsageError(`invalid argument ${given} for "--platform" flag: one platform is expected here`);
    }
    return last[0];
  }

  /** The platforms that were chosen, for commands that take several; none for all. */
  get platforms(): readonly Platform[] {
    return this.#globals?.platform?.all ?? [];
  }

  /** How much of what happens is shown: 0 to 2. */
  get verbosity(): number {
    return this.#globals?.verbose ?? 0;
  }

  /** Whether standard error carries JSON objects only. */
  get isJson(): boolean {
    return this.#globals?.progress === 'json';
  }

  /** Whether the command prints its result as JSON: its own flag `--json`. */
  get printsJson(): boolean {
    return this.#printsJson;
  }

  /** Whether only warnings and errors are told. */
  get isQuiet(): boolean {
    return this.#globals?.quiet ?? false;
  }

  /** For operations that move content; `undefined` when nobody looks. */
  get onProgress(): ((event: ProgressEvent) => void) | undefined {
    return this.#progress?.onEvent;
  }

  get nonDistributable(): boolean {
    return this.#globals?.['allow-nondistributable-artifacts'] ?? false;
  }

  /**
   * @param json whether the command's own `--json` is given
   * @throws {UsageError} for a password without a user, which would be sent to nobody
   */
  configure(globals: Globals, { json = false }: { readonly json?: boolean } = {}): void {
    const { username, password, 'password-stdin': passwordStdin } = globals;
    if (username === '' && (password !== '' || passwordStdin))
      throw new UsageError('a password needs a username: -u USER');
    if ((globals['cert-file'] === '') !== (globals['key-file'] === ''))
      throw new UsageError('--cert-file and --key-file are given together or not at all');
    this.#globals = globals;
    this.#printsJson = json;
    if (json) this.streams.reserveForJson();
    const mode = progressModeFor(globals.progress, globals.quiet, this.process);
    this.#progress = new Progress(mode, { process: this.process, output: this.#output, log: this.log });
  }

  /**
   * Takes over what was told of one side of a copy only. To be called before anything is opened.
   *
   * @throws {UsageError}
   */
  configureSides(flags: SideFlags): void {
    if (this.#globals !== undefined) this.#sides = readSides(flags, this.#globals);
  }

  /** The result of a command. Beside an archive on standard output there is none. */
  async print(chunk: string | Uint8Array): Promise<void> {
    await this.endProgress();
    // What is behind an archive would make it another one.
    if (this.streams.carriesArchive) return;
    await this.stdout.write(chunk);
  }

  /** Nothing is moved any more: what was drawn goes away. */
  async endProgress(): Promise<void> {
    await this.#progress?.end();
  }

  /** Has it closed when the command ends, whatever happens. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  /** A repository in its registry, with the credentials and certificates of a side where it has its own. */
  async repository(
    repository: Repository,
    access: RepositoryAccess = 'pull',
    side: Side = 'source',
  ): Promise<RemoteStore> {
    this.connections.asks(repository.registry, side);
    const key = `${access} ${this.#sides[side] === undefined ? '' : side} ${formatRepository(repository)}`;
    const known = this.#stores.get(key) ?? this.#openRepository(repository, access, side);
    this.#stores.set(key, known);
    return known;
  }

  get connections(): Connections {
    this.#connections ??= new Connections({
      process: this.process,
      log: this.log,
      globals: this.#globals,
      sides: this.#sides,
      password: () => this.password(),
      readPassword: () => this.readPassword(),
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
    const bytes = await collect(this.streams.input('the password'), maxPasswordSize, 'The password');
    return Buffer.from(bytes).toString().replace(/\n$/, '').replace(/\r$/, '');
  }

  async transport(): Promise<Transport> {
    return this.connections.transport();
  }

  async close(): Promise<void> {
    await this.endProgress();
    // What a command that failed had asked for ahead of time would keep the process waiting.
    this.#life.abort(new Error('The command is over'));
    this.#life.unlink();
    await Promise.allSettled(this.#open.map((resource) => resource[Symbol.asyncDispose]()));
    // Of a command that failed: uploads that registries began when they refused to mount.
    await Promise.allSettled([...this.#stores.values()].map(async (store) => (await store)[Symbol.asyncDispose]()));
    await this.#connections?.close();
  }

  async #openRepository(repository: Repository, access: RepositoryAccess, side: Side): Promise<RemoteStore> {
    const transport = this.connections.transport(side);
    const [made, { RemoteStore }] = await Promise.all([transport, import('./connections/registry-client.ts')]);
    return new RemoteStore(repository, { transport: made, access });
  }
}
