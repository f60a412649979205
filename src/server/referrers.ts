import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { parseDigest } from '../oci/digest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { canListReferrers } from '../store/capabilities.ts';
import { formatNextLink } from '../wire/link-header.ts';
import { formatRoute, type Route } from '../wire/routes.ts';
import type { Registry, RouteOf } from './endpoint.ts';
import { json, type RegistryRequest, type RegistryResponse } from './exchange.ts';

/**
 * GET, end-12. The specification forbids 404 where the API is there at all, so an unknown repository has an empty list;
 * a store that cannot list referrers answers 404, and clients use the referrers tag instead.
 */
export async function listReferrers(
  { storage }: Registry,
  request: RegistryRequest,
  route: RouteOf<'referrers'>,
): Promise<RegistryResponse> {
  const digest = parseDigest(route.digest);
  const artifactType = request.query.get('artifactType') ?? undefined;
  const repository = await storage.find(route.repository, request);
  let found: readonly Descriptor[] = [];
  if (repository !== undefined) {
    const { content } = repository;
    if (!canListReferrers(content)) throw new OciError('NOT_FOUND', 'This registry does not list referrers');
    const subject = { mediaType: mediaTypes.ociManifest, digest };
    found = await content.referrers(subject, { signal: request.signal, artifactType });
  }
  const { manifests, next } = pageFrom(found, request.query.get('last') ?? '');
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  const headers = {
    ...(artifactType === undefined ? {} : { 'oci-filters-applied': 'artifactType' }),
    ...(next === undefined ? {} : { link: formatNextLink(nextPage(route, request, next)) }),
  };
  return json(200, JSON.stringify(document), headers, mediaTypes.ociIndex);
}

/** Clients read no larger answer than a manifest may be, 4 MiB for most; annotations can be of any length. */
const maxPage = 3 * 1024 * 1024;

function pageFrom(
  found: readonly Descriptor[],
  last: string,
): { readonly manifests: readonly Descriptor[]; readonly next?: string } {
  const sorted = found.filter(({ digest }) => digest > last).sort((a, b) => (a.digest < b.digest ? -1 : 1));
  let size = 0;
  const end = sorted.findIndex((descriptor) => (size += Buffer.byteLength(JSON.stringify(descriptor)) + 1) > maxPage);
  if (end < 0) return { manifests: sorted };
  const manifests = sorted.slice(0, Math.max(end, 1));
  const next = manifests.at(-1)?.digest;
  return next === undefined || manifests.length === sorted.length ? { manifests } : { manifests, next };
}

function nextPage(route: Route, { query }: RegistryRequest, last: string): string {
  const next = new URLSearchParams(query);
  next.set('last', last);
  return `${formatRoute(route)}?${next.toString()}`;
}
