import { canListTags } from '../../src/store/capabilities.ts';
import { endless } from './blob-bodies.ts';
import {
  failure,
  type Handle,
  json,
  type Layer,
  type SimulatedAnswer,
  type SimulatedRequest,
  text,
} from './exchange.ts';
import { randomNumbers } from './faults.ts';
import { googleList } from './google.ts';
import { linkTo } from './links.ts';
import type { HostileQuirks, ListQuirks } from './quirks.ts';
import type { World } from './world.ts';

/** lists of tags and of repositories, page by page. */
export function lists(world: World): Layer {
  return async (request, below) => {
    const { route, method } = request;
    if (method !== 'GET' || (route?.kind !== 'tags' && route?.kind !== 'catalog')) return below(request);
    const { catalog = 'ok', tags, hostile } = world.quirks;
    if (route.kind === 'catalog' && catalog !== 'ok') return failure(catalog, 'UNSUPPORTED', 'no catalog here');
    if (hostile?.tags !== undefined) return hostileList(hostile.tags, request, route.kind);
    if (tags?.google === true && route.kind === 'tags') return googleList(world, request);
    return tags === undefined ? below(request) : list(world, tags, request, below);
  };
}

async function list(
  world: World,
  quirks: ListQuirks,
  request: SimulatedRequest,
  below: Handle,
): Promise<SimulatedAnswer> {
  const { route, query } = request;
  const limit = limitOf(query.get('n'), quirks);
  if (typeof limit === 'object') return limit;
  const names = await namesOf(world, quirks, request);
  if (names === undefined) return below(request);
  if (names.length === 0 && quirks.empty === 404) return failure(404, 'NAME_UNKNOWN', 'no tags');
  const start = startOf(names, query, quirks);
  const isGap = quirks.link === 'empty-page' && query.get('gap') === null && start > 0;
  const page = isGap ? [] : names.slice(start, start + limit);
  const isMore = isGap || start + page.length < names.length;
  const next = isGap ? start : start + page.length;
  const link = linkTo({ world, quirks, request, names, next, isMore, isGap, asked: query.get('n') });
  const headers = link === undefined ? {} : { link };
  return json(
    200,
    documentOf(route?.kind === 'tags', page, start === 0 && quirks.junk === true, quirks, request),
    headers,
  );
}

function limitOf(
  text: string | null,
  { page = Infinity, maxN = Infinity, onExceed = 'clamp' }: ListQuirks,
): number | SimulatedAnswer {
  if (text === null || text === '') return Math.min(page, maxN);
  const asked = Number(text);
  if (asked <= maxN) return asked;
  if (onExceed === 'clamp') return maxN;
  const said = `Member must have value less than or equal to ${maxN}`;
  return failure(onExceed, onExceed === 405 ? 'UNSUPPORTED' : 'PAGINATION_NUMBER_INVALID', said);
}

async function namesOf(
  { storage, notes }: World,
  { order = 'lex' }: ListQuirks,
  { route }: SimulatedRequest,
): Promise<readonly string[] | undefined> {
  if (route?.kind !== 'tags') return ordered(await all(storage.repositories?.() ?? []), order, []);
  const repository = await storage.find(route.repository);
  if (repository === undefined || !canListTags(repository.content)) return undefined;
  return ordered(await all(repository.content.tags()), order, notes.tags.get(route.repository) ?? []);
}

async function all(pages: AsyncIterable<readonly string[]> | Iterable<readonly string[]>): Promise<string[]> {
  const names: string[] = [];
  for await (const page of pages) names.push(...page);
  return names.sort();
}

function ordered(names: string[], order: ListQuirks['order'], oldest: readonly string[]): readonly string[] {
  if (order === 'oldest') return names.sort((a, b) => oldest.indexOf(a) - oldest.indexOf(b));
  if (order !== 'random') return names;
  const random = randomNumbers(names.length);
  const keys = new Map(names.map((name) => [name, random()]));
  return names.sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
}

/** */
function startOf(names: readonly string[], query: URLSearchParams, { opaque, order = 'lex' }: ListQuirks): number {
  if (opaque === true) return Number(Buffer.from(query.get('next_page') ?? '', 'base64url').toString() || 0);
  const last = query.get('last');
  if (last === null) return 0;
  const at = names.indexOf(last);
  if (at >= 0 || order !== 'lex') return at + 1;
  const after = names.findIndex((name) => name > last);
  return after < 0 ? names.length : after;
}

/** */
function documentOf(
  isTags: boolean,
  page: readonly string[],
  hasJunk: boolean,
  { empty = 'null' }: ListQuirks,
  { route }: SimulatedRequest,
): object {
  const junk = hasJunk ? [null, '', `sha256:${'a'.repeat(64)}`, 7, 'not a tag'] : [];
  const entries = [...junk, ...page];
  const listed = entries.length === 0 && empty === 'null' ? null : entries;
  if (!isTags) return { repositories: listed };
  return { name: route !== undefined && 'repository' in route ? route.repository : '', tags: listed };
}

function hostileList(
  mode: Exclude<HostileQuirks['tags'], undefined>,
  { query, path }: SimulatedRequest,
  kind: 'tags' | 'catalog',
): SimulatedAnswer {
  const field = kind === 'tags' ? 'tags' : 'repositories';
  if (mode === 'endless') {
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: endless(Buffer.alloc(64 * 1024, ' ')),
    };
  }
  if (mode === 'not-json') return text(200, '<html>not here</html>', 'application/json');
  if (mode === 'control') return json(200, { [field]: ['\u001b[31mred', 'a\nb', '../../etc/passwd', 'x'.repeat(500)] });
  const page = Number(query.get('page') ?? 0) + 1;
  return json(200, { [field]: [] }, { link: `<${path}?page=${page}>; rel="next"` });
}
