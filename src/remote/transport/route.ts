import { dockerHub, type Repository } from '../../oci/reference.ts';
import type { HostSettings, Mirror } from './host-settings.ts';

/** A repository of a mirror that may have the same content. */
export interface MirrorRoute {
  readonly repository: Repository;
  /** @see Mirror.pull @default 'all' */
  readonly pull?: Mirror['pull'];
  /** What to send as `ns`. @default nothing */
  readonly namespace?: string | undefined;
}

/** Where requests for a repository go. */
export interface Route {
  /** Where it is: what was named, or what takes its place. */
  readonly repository: Repository;
  /** Asked first for what is read, in this order. */
  readonly mirrors: readonly MirrorRoute[];
  /** Why nothing may be read from it: the settings that say so. */
  readonly blocked?: string | undefined;
}

/** Routes by repository; `undefined` for those nothing is set for. */
export type RouteSource = (repository: Repository) => Route | undefined;

/** The mirrors that are set for a registry as a whole. */
export function routeBy({ mirrors = [] }: HostSettings, repository: Repository): Route {
  const { registry, repository: name } = repository;
  const others = mirrors.filter((mirror) => mirror.registry !== registry);
  return {
    repository,
    mirrors: others.map(({ registry: host, prefix = '', pull, namespace = true }) => ({
      repository: { registry: host, repository: prefix === '' ? name : `${prefix}/${name}` },
      pull,
      // By the name that users know: OCI distribution-spec, "Registry Proxying".
      namespace: namespace ? (registry === dockerHub ? 'docker.io' : registry) : undefined,
    })),
  };
}
