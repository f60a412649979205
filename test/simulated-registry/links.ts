import type { SimulatedRequest } from './exchange.ts';
import type { ListQuirks } from './quirks.ts';
import type { World } from './world.ts';

interface LinkOptions {
  readonly world: World;
  readonly quirks: ListQuirks;
  readonly request: SimulatedRequest;
  readonly names: readonly string[];
  /** Where the next page starts. */
  readonly next: number;
  readonly isMore: boolean;
  /** This page was left empty, the next one starts where it should have. */
  readonly isGap: boolean;
  readonly asked: string | null;
}

/** the `Link` to the next page in one of its many forms. */
export function linkTo(options: LinkOptions): string | undefined {
  const { quirks, isMore, request, world } = options;
  const { link = 'rel' } = quirks;
  if (link === 'none' || (!isMore && link !== 'always' && link !== 'loop')) return undefined;
  const query = link === 'loop' ? request.rawQuery : queryOf(options);
  const path = `${request.path}?${query}`;
  const { registry, trap } = world.origins;
  switch (link) {
    case 'rel':
    case 'empty-page':
      return `<${path}>; rel="next"`;
    case 'abs':
    case 'loop':
    case 'always':
      return `<${registry}${path}>; rel="next"`;
    case 'wrong-path':
      return `<${registry}/repository/docker${path}>; rel="next"`;
    case 'other-host':
      return `<https://gateway.registry.test${path}>; rel="next"`;
    case 'no-brackets':
      return `${registry}${path}; rel=next`;
    case 'unquoted':
      return `<${path}>;rel=next`;
    case 'several':
      return `<${request.path}?page=1>; rel="first"; title="a, b", <${path}>; title="x"; rel="next"`;
    default:
      return `<${trap}${path}>; rel="next"`;
  }
}

function queryOf({ quirks, names, next, isGap, asked }: LinkOptions): string {
  const size = asked === null ? '' : `n=${asked}&`;
  const gap = isGap ? '&gap=over' : '';
  if (quirks.opaque === true) return `${size}next_page=${Buffer.from(String(next)).toString('base64url')}${gap}`;
  return `${size}last=${encodeURIComponent(names[next - 1] ?? '')}${gap}`;
}
