import type { Repository } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import type { Keychain } from '../auth/credential.ts';
import type { TransportEvent } from './events.ts';
import type { Exchange, Timeouts } from './exchange.ts';
import type { HostLimits } from './host-limits.ts';
import type { HostSettingsSource } from './host-settings.ts';
import type { RouteSource } from './route.ts';
import type { RetryContext, RetryPolicy } from './retry.ts';

export type Headers = Readonly<Record<string, string>>;

export type HeaderSource = Headers | (() => Promise<Headers>);

/**
 * Makes a repository that its registry says is missing, upon which what was to be pushed is sent again.
 *
 * @returns `false` when there is nothing to be made, or it is not known how: the refusal of the push then stands
 */
export type RepositoryCreator = (repository: Repository, options: CallOptions) => Promise<boolean>;

export interface TransportOptions {
  /** Who is asking: `crane-oci/1.2.3`. */
  readonly userAgent: string;
  /** @default no credentials */
  readonly keychain?: Keychain | undefined;
  /** Take plain http and any TLS certificate, and send credentials over both. @default false */
  readonly insecure?: boolean | undefined;
  /** What is set for single registries. @default nothing */
  readonly hosts?: HostSettingsSource | undefined;
  /** Where repositories are and which mirrors they have, where more is set than `hosts` says. @default nothing */
  readonly routes?: RouteSource | undefined;
  /** To be shared with other transports of the process. @default limits of its own */
  readonly limits?: HostLimits | undefined;
  /** Headers for every request to registries and token servers, or how to read them when first needed. @default none */
  readonly headers?: HeaderSource | undefined;
  /** Over how many connections one large blob is fetched at most, where that is faster. @default 4 */
  readonly maxConnectionsPerBlob?: number | undefined;
  /** For registries that make no repositories by themselves, as AWS's: see `createMissingRepository`. @default nobody */
  readonly createRepository?: RepositoryCreator | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** Called synchronously; it must not throw. */
  readonly onEvent?: ((event: TransportEvent) => void) | undefined;
  /** Sends single requests. @default {@link nodeHttp} */
  readonly exchange?: Exchange | undefined;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** @default a timer */
  readonly sleep?: RetryContext['sleep'] | undefined;
}
