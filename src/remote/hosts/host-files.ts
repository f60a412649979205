import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a process looks for settings of hosts. */
export interface HostPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homedir: string;
  readonly platform: string;
  /** The system's settings. @default '/etc', on Windows none */
  readonly etc?: string | undefined;
}

/** Files with settings of hosts that are there. */
export interface HostFiles {
  /** Our own; one that was named need not be there. */
  readonly config: string | undefined;
  /** Of containers, in the order they are to be read. Those that say nothing of registries are left out. */
  readonly registries: readonly string[];
  /** Directories of the kind `certs.d`, the most important first. */
  readonly certs: readonly string[];
}

/**
 * Looks for settings of hosts: `CRANE_OCI_CONFIG`, else `crane-oci/config.yaml` in `XDG_CONFIG_HOME` or `~/.config`; registries.conf
 * and what stands in the directory beside it; Docker's and containers' directories of certificates. Where there is
 * nothing it costs a few stats.
 *
 * @param config names our own file, and goes before all of this
 */
export function findHostFiles(places: HostPlaces, config?: string): HostFiles {
  const { env, homedir, platform, etc = platform === 'win32' ? undefined : '/etc' } = places;
  const named = config || env['CRANE_OCI_CONFIG'];
  const usual = join(env['XDG_CONFIG_HOME'] || join(homedir, '.config'), 'crane-oci/config.yaml');
  return {
    config: named || (existsSync(usual) ? usual : undefined),
    registries: registriesFiles(env['CONTAINERS_REGISTRIES_CONF'], homedir, etc).filter(mayMatter),
    certs: certsDirectories(homedir, etc).filter((directory) => existsSync(directory)),
  };
}

/** containers-certs.d(5), and where Docker, Docker Desktop and Docker without root look. */
export function certsDirectories(homedir: string, etc: string | undefined): readonly string[] {
  const own = ['.config/containers/certs.d', '.docker/certs.d', '.config/docker/certs.d'];
  const common = etc === undefined ? [] : [join(etc, 'containers/certs.d'), join(etc, 'docker/certs.d')];
  return [...own.map((path) => join(homedir, path)), ...common];
}

/** containers-registries.conf.d(5): a user's own file keeps the system's ones out. */
function registriesFiles(named: string | undefined, homedir: string, etc: string | undefined): readonly string[] {
  const own = join(homedir, '.config/containers/registries.conf');
  const common = etc === undefined ? undefined : join(etc, 'containers/registries.conf');
  const isOwn = !named && existsSync(own);
  const main = named || (isOwn ? own : common);
  return [
    ...(main !== undefined && (main === named || existsSync(main)) ? [main] : []),
    ...(isOwn || common === undefined ? [] : confFiles(`${common}.d`)),
    ...confFiles(`${own}.d`),
  ];
}

/** Distributions ship files that only name places to search and short names, for neither of which TOML need be parsed. */
function mayMatter(path: string): boolean {
  try {
    return mayHaveRules(readFileSync(path, 'utf8'));
  } catch {
    // Whoever reads it will say why it cannot be read.
    return true;
  }
}

/** Whether the text of a registries.conf can say anything that matters here. */
export function mayHaveRules(text: string): boolean {
  return /^\s*(?:\[\[\s*["']?registry\b|["']?registry["']?\s*=\s*\[)/m.test(text);
}

function confFiles(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.conf'));
    return names.toSorted().map((name) => join(directory, name));
  } catch {
    // Not for us to see.
    return [];
  }
}
