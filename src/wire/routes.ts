/**
 * An address of the distribution API, taken apart. The values are percent-decoded but not checked: whether a name, a tag or
 * a digest is well formed is for whoever uses it. OCI distribution-spec, "Endpoints".
 */
export type Route =
  /** `/v2/`, end-1. */
  | { readonly kind: 'base' }
  /** `/v2/_catalog`, a Docker endpoint that the specification leaves out. */
  | { readonly kind: 'catalog' }
  /** `/v2/NAME/tags/list`, end-8. */
  | { readonly kind: 'tags'; readonly repository: string }
  /** `/v2/NAME/manifests/REFERENCE`, end-3, end-7, end-9. */
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  /** `/v2/NAME/blobs/DIGEST`, end-2, end-10. */
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string }
  /** `/v2/NAME/blobs/uploads/`, end-4, end-11. */
  | { readonly kind: 'uploads'; readonly repository: string }
  /** `/v2/NAME/blobs/uploads/SESSION`: our form of the upload location, end-5, end-6, end-13, end-14. */
  | { readonly kind: 'upload'; readonly repository: string; readonly session: string }
  /** `/v2/NAME/referrers/DIGEST`, end-12. */
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: string };

/**
 * Reads a path without its query. Names may hold the words of the API (`team/blobs/manifests`), so the last words decide.
 *
 * @returns `undefined` when no endpoint has this form
 */
export function parseRoute(path: string): Route | undefined {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (!path.startsWith('/v2/')) return undefined;
  const parts = decodeParts(path.slice('/v2/'.length).split('/'));
  if (parts === undefined) return undefined;
  if (parts.length === 1 && parts[0] === '_catalog') return { kind: 'catalog' };
  const last = parts.at(-1) ?? '';
  const word = parts.at(-2);
  const before = parts.at(-3);
  if (word === 'uploads' && before === 'blobs') {
    const repository = nameOf(parts, 3);
    return last === '' ? { kind: 'uploads', repository } : { kind: 'upload', repository, session: last };
  }
  const repository = nameOf(parts, 2);
  if (word === 'blobs' && last === 'uploads') return { kind: 'uploads', repository };
  if (word === 'manifests') return { kind: 'manifest', repository, reference: last };
  if (word === 'blobs') return { kind: 'blob', repository, digest: last };
  if (word === 'referrers') return { kind: 'referrers', repository, digest: last };
  if (word === 'tags' && last === 'list') return { kind: 'tags', repository };
  return undefined;
}

/** The path of an endpoint. Names, tags and digests need no escaping: their grammars have none of the characters that would. */
export function formatRoute(route: Route): string {
  if (route.kind === 'base') return '/v2/';
  if (route.kind === 'catalog') return '/v2/_catalog';
  return `/v2/${route.repository}/${tailOf(route)}`;
}

function tailOf(route: Extract<Route, { readonly repository: string }>): string {
  if (route.kind === 'tags') return 'tags/list';
  if (route.kind === 'manifest') return `manifests/${route.reference}`;
  if (route.kind === 'blob') return `blobs/${route.digest}`;
  if (route.kind === 'referrers') return `referrers/${route.digest}`;
  return `blobs/uploads/${route.kind === 'upload' ? route.session : ''}`;
}

function nameOf(parts: readonly string[], tail: number): string {
  return parts.slice(0, -tail).join('/');
}

/** Clients may write the colon of a digest as `%3A`. An escaped slash would move the borders between the parts. */
function decodeParts(parts: readonly string[]): readonly string[] | undefined {
  if (!parts.some((part) => part.includes('%'))) return parts;
  try {
    const decoded = parts.map((part) => decodeURIComponent(part));
    return decoded.some((part) => part.includes('/')) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
