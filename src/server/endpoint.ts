import { OciError, quoted } from '../errors.ts';
import { checkRepositoryName } from '../oci/reference.ts';
import type { Route } from '../wire/routes.ts';
import { Refusal } from './errors.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import type { RegistryRepository, RegistryStorage } from './storage.ts';

/** What a registry is made of, for its endpoints. */
export interface Registry {
  readonly storage: RegistryStorage;
  /** Whether a manifest may name blobs and manifests that the repository does not have. */
  readonly sparse: boolean;
  /** Largest manifest that is taken, in bytes. */
  readonly maxManifestSize: number;
}

export type RouteOf<K extends Route['kind']> = Extract<Route, { readonly kind: K }>;

/** Answers one method of one endpoint. The repository's name has been checked. */
export type Endpoint<K extends Route['kind']> = (
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<K>,
) => Promise<RegistryResponse>;

/** @throws {OciError} `INVALID_REFERENCE` */
export function checkName(route: Route): void {
  if ('repository' in route) checkRepositoryName(route.repository);
}

/** @throws {Refusal} `NAME_UNKNOWN` */
export async function existing(
  { storage }: Registry,
  request: RegistryRequest,
  name: string,
): Promise<RegistryRepository> {
  const repository = await storage.find(name, request);
  if (repository !== undefined) return repository;
  throw new Refusal(404, 'NAME_UNKNOWN', `There is no repository ${quoted(name)}`, { detail: { name } });
}

/** @throws {OciError} `UNSUPPORTED`, which answers 405 */
export function unsupported(what: string): never {
  throw new OciError('UNSUPPORTED', `This registry does not ${what}`);
}

/** RFC 9110 section 13.1.2. Our entity tags are digests in quotes; a weak mark before one makes no difference for reading. */
export function isUnchanged(request: RegistryRequest, etag: string): boolean {
  const wanted = request.header('if-none-match');
  if (wanted === undefined) return false;
  return wanted.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
