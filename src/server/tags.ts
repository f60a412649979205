import { canListTags } from '../store/capabilities.ts';
import { formatRoute } from '../wire/routes.ts';
import { existing, type Registry, type RouteOf, unsupported } from './endpoint.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { pageOf, sorted } from './page.ts';

/** GET, end-8. */
export async function listTags(
  registry: Registry,
  request: RegistryRequest,
  route: RouteOf<'tags'>,
): Promise<RegistryResponse> {
  const { content } = await existing(registry, request, route.repository);
  if (!canListTags(content)) return unsupported('list tags');
  const tags = await sorted(content.tags(request));
  return pageOf(tags, request, formatRoute(route), (page) => ({ name: route.repository, tags: page }));
}
