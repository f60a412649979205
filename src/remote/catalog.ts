import { isOciError, OciError } from '../errors.ts';
import { dockerHub, type RegistryName } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import { catalogScope } from '../wire/scope.ts';
import { pages } from './pages.ts';
import { defaultPageSize, maxPageSize, stringsOf } from './tags.ts';
import type { ReadAnswer, Transport } from './transport/transport.ts';

export interface CatalogOptions extends CallOptions {
  readonly transport: Transport;
  /** Only repositories after this one, in the registry's order. */
  readonly last?: string | undefined;
  /** How many to ask for at a time. @default 1000 */
  readonly pageSize?: number | undefined;
}

/**
 * The names of a registry's repositories page by page.
 *
 * @throws {OciError} `UNSUPPORTED` when the registry has no catalog, `UNAUTHORIZED` or `DENIED` when it is not for everybody
 */
export function catalog(
  registry: RegistryName,
  { transport, last, pageSize = defaultPageSize, signal }: CatalogOptions,
): AsyncIterable<readonly string[]> {
  return pages({
    read: (query) => readPage(registry, transport, query, signal),
    entriesOf: (answer) => stringsOf(answer, 'repositories', isPrintable),
    keyOf: (name) => name,
    pageSize,
    last,
  });
}

async function readPage(
  registry: RegistryName,
  transport: Transport,
  query: string,
  signal: AbortSignal | undefined,
): Promise<ReadAnswer> {
  try {
    return await transport.read(
      {
        registry,
        method: 'GET',
        target: `/v2/_catalog${query}`,
        scopes: [catalogScope],
        purpose: `list the repositories of ${registry}`,
        expect: [200],
        signal,
      },
      maxPageSize,
    );
  } catch (error) {
    throw isOciError(error) ? refusal(registry, error) : error;
  }
}

/** Demand-and-quirks reference, Q-65. */
function refusal(registry: RegistryName, error: OciError): OciError {
  const instead = 'crane ls REPOSITORY lists the tags of a repository you know';
  const isForOthers = error.code === 'UNAUTHORIZED' || error.code === 'DENIED';
  // Docker Hub refuses whoever asks.
  if (error.code === 'NOT_FOUND' || error.code === 'UNSUPPORTED' || (isForOthers && registry === dockerHub)) {
    return new OciError('UNSUPPORTED', `${registry} does not list its repositories`, { cause: error, hint: instead });
  }
  if (!isForOthers) return error;
  const hint = `Many registries show the list to administrators only, or to nobody; ${instead}`;
  return new OciError(error.code, error.message, {
    cause: error,
    hint: error.hint === undefined ? hint : `${error.hint}. ${hint}`,
  });
}

/** Names go to terminals and into the next request; what they are else is the registry's business. */
function isPrintable(name: string): boolean {
  return name !== '' && !/[\p{Cc}\p{Surrogate}]/u.test(name);
}
