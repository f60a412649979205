import type { Digest } from '../../src/oci/digest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parseRegistry, parseRepository, type RegistryName, type Repository } from '../../src/oci/reference.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { RegistryStorage } from '../../src/server/storage.ts';
import { canDelete } from '../../src/store/capabilities.ts';
import type { ContentStore } from '../../src/store/store.ts';
import { testCertificates } from '../support/certificates.ts';
import { authentication } from './authentication.ts';
import { azureList } from './azure.ts';
import { blobBodies } from './blob-bodies.ts';
import { deletes } from './deletes.ts';
import { errorBodies } from './error-bodies.ts';
import { type Handle, stack } from './exchange.ts';
import type { FaultSource } from './faults.ts';
import { limits } from './limits.ts';
import { lists } from './lists.ts';
import { locations } from './locations.ts';
import { reads } from './manifest-reads.ts';
import { manifestWrites } from './manifest-writes.ts';
import { mounts } from './mounts.ts';
import { notFound } from './not-found.ts';
import { objectStore } from './object-store.ts';
import { plainRegistry } from './plain.ts';
import type { Quirks } from './quirks.ts';
import { referrers } from './referrers.ts';
import { type RecordedRequest, type RunningServer, startServer, trapHandle } from './servers.ts';
import { tokenPath, tokenServer } from './token-server.ts';
import { TokenTable } from './tokens.ts';
import { uploads } from './uploads.ts';
import type { Rights, Users } from './users.ts';
import type { World } from './world.ts';

export interface SimulateOptions extends Quirks {
  /** Who may log in. @default nobody, and nobody has to */
  readonly users?: Users | undefined;
  /** What everybody may do. @default pull everything */
  readonly anonymous?: Rights | undefined;
  /** Serve everything over TLS with certificates of {@link SimulatedRegistry.caFile}. @default false */
  readonly tls?: boolean | undefined;
  /** Repositories that exist though they are empty, for `upload.needRepo`. */
  readonly repositories?: readonly string[] | undefined;
  /** @see SimulatedRegistry.fault */
  readonly fault?: FaultSource | undefined;
  /** Milliseconds since the epoch, for tokens and signed URLs. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** One registry with its token server and its object store, on ports of their own. */
export interface SimulatedRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly name: RegistryName;
  readonly url: string;
  /** Every request of every part in the order they came. Tests may empty it. */
  readonly requests: RecordedRequest[];
  /** `GET /v2/app/tags/list` and so on, of the registry itself. */
  readonly log: readonly string[];
  /** May be changed while the registry runs. */
  readonly quirks: Quirks;
  /** Decides what goes wrong; may be set while the registry runs. */
  fault: FaultSource | undefined;
  readonly tokenServer: { readonly url: string; readonly requests: readonly RecordedRequest[]; expireAll(): void };
  readonly objectStore: { readonly url: string; readonly requests: readonly RecordedRequest[] };
  /** A server nobody should tell a secret: where hostile registries send their clients. */
  readonly trap: { readonly url: string; readonly requests: readonly RecordedRequest[] };
  readonly storage: RegistryStorage;
  /** PEM of the authority, when there is TLS. */
  readonly ca: string | undefined;
  readonly caFile: string | undefined;
  repository(name: string): Repository;
  /** What the registry holds in a repository, past all quirks. */
  content(name: string): Promise<ContentStore>;
  /** Takes a blob away behind the registry's back. */
  loseBlob(name: string, digest: Digest): Promise<void>;
  close(): Promise<void>;
}

/** Starts a registry with the given habits. See README.md. */
export async function simulateRegistry(options: SimulateOptions = {}): Promise<SimulatedRegistry> {
  const { users = {}, anonymous = { pull: ['*'] }, tls, repositories = [], fault, now = Date.now, ...quirks } = options;
  const storage = memoryStorage();
  const world: World = {
    quirks,
    access: { users, anonymous },
    tokens: new TokenTable(now),
    storage,
    origins: { registry: '', token: '', store: '', trap: '' },
    plain: plainRegistry(storage),
    now,
    repositories: new Set(repositories),
    notes: { referenced: new Set(), tags: new Map(), lost: new Map(), uploaded: new Map(), lag: new Map() },
  };
  return new Simulation(world, fault).start(tls === true);
}

class Simulation {
  readonly #world: World;
  readonly #requests: RecordedRequest[] = [];
  readonly #servers: RunningServer[] = [];
  readonly #faults: { source: FaultSource | undefined };

  constructor(world: World, fault: FaultSource | undefined) {
    this.#world = world;
    this.#faults = { source: fault };
  }

  async start(isSecure: boolean): Promise<SimulatedRegistry> {
    const tls = isSecure ? testCertificates() : undefined;
    const world = this.#world;
    const issue = tokenServer(world);
    const behindLogin = stack([notFound(world), ...contentLayers(world)], world.plain);
    const store = objectStore(world, stack(contentLayers(world), world.plain));
    const registry = stack(
      [
        errorBodies(world),
        limits(world),
        store.ownHost,
        authentication(world, issue),
        (request, below) => (request.route?.kind === 'blob' ? store.redirect(request, below) : below(request)),
      ],
      behindLogin,
    );
    const handles = { registry, token: issue, store: store.handle, trap: trapHandle() } satisfies Record<
      string,
      Handle
    >;
    for (const name of ['registry', 'token', 'store', 'trap'] as const) {
      const server = await startServer(handles[name], {
        name,
        tls,
        requests: this.#requests,
        fault: () => this.#faults.source,
        expireTokens: () => world.tokens.expireAll(),
      });
      this.#servers.push(server);
      world.origins[name] = server.origin;
    }
    return this.#registry(tls);
  }

  #registry(tls: { readonly ca: string; readonly caFile: string } | undefined): SimulatedRegistry {
    const { origins, quirks, storage, tokens } = this.#world;
    const host = this.#servers[0]?.host ?? '';
    const name = parseRegistry(host);
    const isTokenRequest = ({ server, path }: RecordedRequest): boolean =>
      server === 'token' || (server === 'registry' && quirks.realm === 'same-host' && path === tokenPath(quirks));
    const of = (server: RecordedRequest['server']): RecordedRequest[] =>
      this.#requests.filter((request) => request.server === server);
    const close = (): Promise<void> => this.#close();
    const faults = this.#faults;
    return {
      host,
      name,
      url: origins.registry,
      requests: this.#requests,
      get log() {
        return of('registry').map(({ method, target }) => `${method} ${target}`);
      },
      quirks,
      get fault() {
        return faults.source;
      },
      set fault(source) {
        faults.source = source;
      },
      tokenServer: part(origins.token, () => this.#requests.filter(isTokenRequest), {
        expireAll: () => tokens.expireAll(),
      }),
      objectStore: part(origins.store, () => of('store')),
      trap: part(origins.trap, () => of('trap')),
      storage,
      ca: tls?.ca,
      caFile: tls?.caFile,
      repository: (repository) => parseRepository(`${host}/${repository}`),
      content: async (repository) => (await storage.create(repository)).content,
      loseBlob: (repository, digest) => this.#loseBlob(repository, digest),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  async #loseBlob(name: string, digest: Digest): Promise<void> {
    const { content } = await this.#world.storage.create(name);
    const found = await content.stat({ mediaType: mediaTypes.octetStream, digest });
    if (found === undefined || !canDelete(content)) throw new Error(`${name} has no blob ${digest} to lose`);
    this.#world.notes.lost.set(`${name}@${digest}`, found.size);
    await content.deleteBlob(digest);
  }

  async #close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** Everything behind the login. */
function contentLayers(world: World): Parameters<typeof stack>[0] {
  return [
    locations(world),
    uploads(world),
    mounts(world),
    reads(world),
    manifestWrites(world),
    blobBodies(world),
    azureList(world),
    lists(world),
    referrers(world),
    deletes(world),
  ];
}

function part<T extends object>(
  url: string,
  requests: () => readonly RecordedRequest[],
  more: T = {} as T,
): { readonly url: string; readonly requests: readonly RecordedRequest[] } & T {
  return {
    ...more,
    url,
    get requests() {
      return requests();
    },
  };
}
