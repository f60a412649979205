import type { CallOptions } from '../options.ts';
import { formatRepository, type Repository } from '../oci/reference.ts';
import { type RepositoryAccess, repositoryScope } from '../wire/scope.ts';
import type { Answer } from './transport/redirect.ts';
import type { RegistryRequest } from './transport/registry-request.ts';
import type { ReadAnswer, Transport } from './transport/transport.ts';

/** A request to one repository. */
export interface RepositoryRequest
  extends
    CallOptions,
    Pick<
      RegistryRequest,
      'method' | 'headers' | 'body' | 'purpose' | 'expect' | 'responseTimeout' | 'retry' | 'sameOrigin' | 'anonymous'
    > {
  /** Below `/v2/<name>/`; or an absolute URL the registry named. */
  readonly path: string | URL;
  readonly access: RepositoryAccess;
  /** Scopes beyond the repository's own. */
  readonly extraScopes?: readonly string[] | undefined;
}

/** Requests to one repository: paths and scopes. */
export class RepositoryClient {
  readonly transport: Transport;
  readonly repository: Repository;
  /** In full, for messages. */
  readonly name: string;
  #access: RepositoryAccess;

  constructor(transport: Transport, repository: Repository, access: RepositoryAccess) {
    this.transport = transport;
    this.repository = repository;
    this.name = formatRepository(repository);
    this.#access = access;
  }

  /** For an answer whose body the caller reads. */
  async send(request: RepositoryRequest): Promise<Answer> {
    return this.transport.send(this.#complete(request));
  }

  /** For an answer that is read whole. */
  async read(request: RepositoryRequest, limit: number): Promise<ReadAnswer> {
    return this.transport.read(this.#complete(request), limit);
  }

  /** For an answer whose head says all. */
  async perform(request: RepositoryRequest): Promise<Answer> {
    return this.transport.perform(this.#complete(request));
  }

  #complete(request: RepositoryRequest): RegistryRequest {
    const { path, access, extraScopes = [] } = request;
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
