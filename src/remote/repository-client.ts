import type { CallOptions } from '../options.ts';
import { OciError } from '../errors.ts';
import { formatRepository, type Repository, sameRepository } from '../oci/reference.ts';
import { type RepositoryAccess, repositoryScope } from '../wire/scope.ts';
import type { MirrorLadder } from './hosts/mirror-ladder.ts';
import type { Answer } from './transport/redirect.ts';
import type { RegistryRequest } from './transport/registry-request.ts';
import { ResponseError } from './transport/response-error.ts';
import type { Route } from './transport/route.ts';
import type { ReadAnswer, Transport } from './transport/transport.ts';

/** A request to one repository. */
export interface RepositoryRequest
  extends
    CallOptions,
    Pick<
      RegistryRequest,
      'method' | 'headers' | 'body' | 'purpose' | 'expect' | 'commits' | 'retry' | 'sameOrigin' | 'anonymous'
    > {
  /** Below `/v2/<name>/`; or an absolute URL the registry named. */
  readonly path: string | URL;
  readonly access: RepositoryAccess;
  /** Scopes beyond the repository's own. */
  readonly extraScopes?: readonly string[] | undefined;
}

/** Requests to one repository: paths and scopes, and whether its mirrors are asked first. */
export class RepositoryClient {
  readonly transport: Transport;
  /** Where it is. */
  readonly repository: Repository;
  /** In full, for messages. */
  readonly name: string;
  readonly #route: Route;
  #access: RepositoryAccess;
  #ladder: Promise<MirrorLadder> | undefined;

  /** @param named what users call it; `route` may lead elsewhere */
  constructor(
    transport: Transport,
    named: Repository,
    access: RepositoryAccess,
    route: Route = { repository: named, mirrors: [] },
  ) {
    this.transport = transport;
    this.repository = route.repository;
    const moved = sameRepository(named, route.repository) ? '' : ` (at ${formatRepository(route.repository)})`;
    this.name = `${formatRepository(named)}${moved}`;
    this.#route = route;
    this.#access = access;
  }

  /** Whether answers to what is read may be those of others. */
  get isMirrored(): boolean {
    return this.#route.mirrors.length > 0;
  }

  /** For an answer whose body the caller reads. */
  async send(request: RepositoryRequest): Promise<Answer> {
    const { path } = request;
    if (!this.#hasMirrorsFor(path)) return this.transport.send(this.#complete(request));
    return (await this.#openLadder()).send(this.#complete(request), path);
  }

  /** For an answer that is read whole. */
  async read(request: RepositoryRequest, limit: number): Promise<ReadAnswer> {
    const { path } = request;
    if (!this.#hasMirrorsFor(path)) return this.transport.read(this.#complete(request), limit);
    return (await this.#openLadder()).read(this.#complete(request), path, limit);
  }

  /** For an answer whose head says all. */
  async perform(request: RepositoryRequest): Promise<Answer> {
    const { path } = request;
    if (this.#hasMirrorsFor(path)) return (await this.#openLadder()).perform(this.#complete(request), path);
    try {
      return await this.transport.perform(this.#complete(request));
    } catch (error) {
      if (!(await this.#isCreated(request, error))) throw error;
    }
    return this.transport.perform(this.#complete(request));
  }

  /** Whether the repository was missing and has been made (demand-and-quirks reference, C1: ECR makes none by a push). */
  async #isCreated({ method, path, signal }: RepositoryRequest, error: unknown): Promise<boolean> {
    // What goes to an upload's own place could be begun.
    if ((method !== 'POST' && method !== 'PUT') || typeof path !== 'string') return false;
    if (!(error instanceof ResponseError) || !error.errors.some(({ code }) => code === 'NAME_UNKNOWN')) return false;
    return this.transport.createRepository(this.repository, { signal });
  }

  #hasMirrorsFor(path: string | URL): path is string {
    return typeof path === 'string' && this.isMirrored;
  }

  /** Loaded by those who have mirrors only. */
  async #openLadder(): Promise<MirrorLadder> {
    this.#ladder ??= import('./hosts/mirror-ladder.ts').then(
      (loaded) => new loaded.MirrorLadder(this.transport, this.#route.mirrors),
    );
    return this.#ladder;
  }

  #complete(request: RepositoryRequest): RegistryRequest {
    const { path, access, extraScopes = [] } = request;
    const { blocked } = this.#route;
    if (blocked !== undefined && access === 'pull' && this.#access === 'pull') {
      throw new OciError('BLOCKED', `Could not ${request.purpose}: ${blocked} forbids it`, {
        hint: 'Change the entry with blocked = true there if that is not meant to be',
      });
    }
    const { registry, repository } = this.repository;
    // Who has once asked for more keeps asking for it: one token instead of one per kind of request.
    if (rank[access] > rank[this.#access]) this.#access = access;
    return {
      ...request,
      registry,
      repository,
      target: typeof path === 'string' ? `/v2/${repository}/${path}` : path,
      scopes: [repositoryScope(repository, this.#access), ...extraScopes],
    };
  }
}

const rank: Readonly<Record<RepositoryAccess, number>> = { pull: 0, push: 1, delete: 2 };
