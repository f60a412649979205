import { messageOf, quoted } from '../../errors.ts';
import {
  checkRepositoryName,
  dockerHub,
  parseRegistry,
  type RegistryName,
  type Repository,
} from '../../oci/reference.ts';
import { isDockerHub } from '../auth/auth-entries.ts';
import type { MirrorRoute, Route } from '../transport/route.ts';

/** The name of a host or of a part of its repositories. */
interface Place {
  readonly registry: RegistryName;
  /** The start of repository names; empty for all of them. */
  readonly path: string;
}

interface Mirroring {
  readonly place: Place;
  readonly pull: MirrorRoute['pull'];
}

/** One `[[registry]]` of registries.conf. */
interface Rule {
  /** `*.example.com` stands in `domain`, as `.example.com`. */
  readonly prefix: Place | { readonly domain: string };
  /** `undefined` when names stay as they are. */
  readonly location: Place | undefined;
  readonly blocked: boolean;
  readonly mirrors: readonly Mirroring[];
  /** Which file says so. */
  readonly source: string;
}

/** What containers' registries.conf says about repositories, as far as it means anything to us. containers-registries.conf(5). */
export interface RegistriesConf {
  readonly rules: ReadonlyMap<string, Rule>;
  /** Whether plain http and any certificate may be taken, by host. One entry that does not allow it is enough to forbid it. */
  readonly insecure: ReadonlyMap<RegistryName, boolean>;
}

export const noRegistriesConf: RegistriesConf = { rules: new Map(), insecure: new Map() };

/**
 * Reads one file. It is not ours, and other programs check it: what makes no sense is left out with a warning.
 *
 * @param base what was read before, whose entries are replaced by those of the same prefix
 */
export async function parseRegistriesConf(
  text: string,
  source: string,
  warn: (message: string) => void,
  base: RegistriesConf = noRegistriesConf,
): Promise<RegistriesConf> {
  const tables = await tablesIn(text, source, warn);
  const rules = new Map(base.rules);
  const insecure = new Map(base.insecure);
  tables.forEach((table, index) => {
    try {
      const { rule, key, endpoints } = readTable(asTable(table), source);
      rules.set(key, rule);
      for (const [registry, allowed] of endpoints) insecure.set(registry, allowed && (insecure.get(registry) ?? true));
    } catch (error) {
      warn(`[[registry]] ${index + 1} of ${source} is left out: ${messageOf(error)}`);
    }
  });
  return { rules, insecure };
}

/** Where requests for a repository go; `undefined` when nothing is said about it. */
export function routeIn({ rules }: RegistriesConf, repository: Repository): Route | undefined {
  const rule = ruleFor(rules, repository);
  if (rule === undefined) return undefined;
  const { prefix, location, mirrors, blocked, source } = rule;
  const rest = 'domain' in prefix ? undefined : restOf(prefix, repository);
  const moved = (place: Place): Repository => moveTo(place, rest ?? repository.repository);
  const own = location === undefined ? repository : moved(location);
  const others = mirrors.map(({ place, pull }) => ({ repository: moved(place), pull }));
  return {
    // A repository whose whole name was the prefix has none left at a host alone.
    repository: own.repository === '' ? repository : own,
    mirrors: others.filter((mirror) => mirror.repository.repository !== ''),
    ...(blocked ? { blocked: source } : {}),
  };
}

type Table = Readonly<Record<string, unknown>>;

async function tablesIn(text: string, source: string, warn: (message: string) => void): Promise<readonly unknown[]> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    const { registry = [] } = parse(text);
    if (Array.isArray(registry)) return registry;
    warn(`${source} is left out: registry is no list of tables`);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.split('\n');
    warn(`${source} is left out: line ${error.line}, column ${error.column}: ${reason}`);
  }
  return [];
}

interface ReadTable {
  readonly key: string;
  readonly rule: Rule;
  readonly endpoints: readonly (readonly [RegistryName, boolean])[];
}

function readTable(table: Table, source: string): ReadTable {
  const written = textIn(table, 'prefix') || textIn(table, 'location');
  if (written === '') throw new TypeError('it has neither prefix nor location');
  const domain = /^\*(\.[^/@:]+)$/.exec(written)?.[1];
  const prefix = domain === undefined ? readPlace(written) : { domain };
  const location = textIn(table, 'location');
  const place = location === '' || location === written ? undefined : readPlace(location);
  const byDigestOnly = flagIn(table, 'mirror-by-digest-only');
  const tables = listIn(table, 'mirror').map(asTable);
  const mirrors = tables.map((mirror) => ({
    place: readPlace(textIn(mirror, 'location')),
    pull: byDigestOnly ? ('digest' as const) : readPull(textIn(mirror, 'pull-from-mirror')),
  }));
  const own = place ?? ('domain' in prefix ? undefined : prefix);
  const endpoints = mirrors.map(
    ({ place: { registry } }, i) => [registry, flagIn(tables[i] ?? {}, 'insecure')] as const,
  );
  return {
    key: written,
    rule: { prefix, location: place, blocked: flagIn(table, 'blocked'), mirrors, source },
    endpoints: own === undefined ? endpoints : [[own.registry, flagIn(table, 'insecure')], ...endpoints],
  };
}

function readPlace(written: string): Place {
  const [host = '', ...parts] = written.replace(/\/+$/, '').split('/');
  const path = parts.join('/');
  if (host === '') throw new TypeError('a location is missing');
  if (path !== '') checkRepositoryName(path);
  return { registry: isDockerHub(host) ? dockerHub : parseRegistry(host), path };
}

const pulls: Readonly<Record<string, MirrorRoute['pull']>> = {
  '': 'all',
  all: 'all',
  'digest-only': 'digest',
  'tag-only': 'tag',
};

function readPull(text: string): MirrorRoute['pull'] {
  if (Object.hasOwn(pulls, text)) return pulls[text];
  throw new TypeError(`pull-from-mirror is ${quoted(text)}, allowed is all, digest-only or tag-only`);
}

/** The rule with the longest prefix counts, and alone. */
function ruleFor(rules: RegistriesConf['rules'], repository: Repository): Rule | undefined {
  const fitting = Array.from(rules, ([key, rule]) => ({ key, rule })).filter(({ rule: { prefix } }) =>
    'domain' in prefix ? hostOf(repository).endsWith(prefix.domain) : restOf(prefix, repository) !== undefined,
  );
  return fitting.toSorted((a, b) => b.key.length - a.key.length)[0]?.rule;
}

function hostOf({ registry }: Repository): string {
  return registry.replace(/:\d+$/, '');
}

/** What follows the prefix in a repository's name; `undefined` when it does not start with it. */
function restOf({ registry, path }: Place, repository: Repository): string | undefined {
  if (registry !== repository.registry) return undefined;
  if (path === '') return repository.repository;
  if (repository.repository === path) return '';
  return repository.repository.startsWith(`${path}/`) ? repository.repository.slice(path.length + 1) : undefined;
}

function moveTo({ registry, path }: Place, rest: string): Repository {
  return { registry, repository: [path, rest].filter((part) => part !== '').join('/') };
}

function asTable(value: unknown): Table {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Table;
  throw new TypeError('it is no table');
}

function textIn(table: Table, name: string): string {
  const value = Object.hasOwn(table, name) ? table[name] : '';
  if (typeof value === 'string') return value.trim();
  throw new TypeError(`${name} is no text`);
}

function flagIn(table: Table, name: string): boolean {
  const value = Object.hasOwn(table, name) ? table[name] : false;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} is neither true nor false`);
}

function listIn(table: Table, name: string): readonly unknown[] {
  const value = Object.hasOwn(table, name) ? table[name] : [];
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new TypeError(`${name} is no list of tables`);
}
