import { formatRoute } from '../wire/routes.ts';
import { type Registry, type RouteOf, unsupported } from './endpoint.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { pageOf, sorted } from './page.ts';

/** GET. Docker's registry API has it, the OCI specification does not. */
export async function listRepositories(
  { storage }: Registry,
  request: RegistryRequest,
  route: RouteOf<'catalog'>,
): Promise<RegistryResponse> {
  if (storage.repositories === undefined) return unsupported('list its repositories');
  const names = await sorted(storage.repositories(request));
  return pageOf(names, request, formatRoute(route), (page) => ({ repositories: page }));
}
