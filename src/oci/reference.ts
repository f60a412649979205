import { lowerFirst, OciError, quoted } from '../errors.ts';
import { type Digest, isDigest, parseDigest } from './digest.ts';

/** A registry's `host[:port]`, as requests name it: Docker Hub is `index.docker.io`. */
export type RegistryName = string & { readonly __registry: true };

/** Where a repository is. */
export interface Repository {
  readonly registry: RegistryName;
  /** The name on the wire, `library/` included for Docker Hub's official images. */
  readonly repository: string;
}

/** A name for a manifest. `tag` is `latest` when neither a tag nor a digest was written; both are there for `repo:tag@digest`. */
export interface Reference extends Repository {
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
  /** As typed. */
  readonly text: string;
}

/** Docker Hub's host in full names. */
export const dockerHub: RegistryName = 'index.docker.io' as RegistryName;

const defaultTag = 'latest';
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// OCI distribution-spec, "Pulling manifests": the grammar of <name>.
const pathComponent = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/**
 * Reads `[registry/]repository[:tag][@digest]` with Docker Hub's defaults. crane-cli reference, section 5.
 *
 * @throws {OciError} `INVALID_REFERENCE` or `INVALID_DIGEST`, naming the part that is wrong
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  if (at < 0) {
    const { name, tag } = splitTag(text);
    return { ...parseRepository(name, text), tag: tag ?? defaultTag, text };
  }
  if (text.includes('/', at)) refuseUser(text);
  if (text.includes('@', at + 1)) {
    throw invalid(text, 'there is more than one @', 'Write repository@sha256:… with one @');
  }
  const { name, tag } = splitTag(text.slice(0, at));
  const repository = parseRepository(name, text);
  const digest = parseReferenceDigest(text.slice(at + 1), text);
  return { ...repository, ...(tag === undefined ? {} : { tag }), digest, text };
}

/** As {@link parseReference}; `undefined` for text that is no reference. */
export function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads `[registry/]repository`, where a tag or digest has no place.
 *
 * @param whole what the name is part of, for the message
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function parseRepository(text: string, whole: string = text): Repository {
  if (text === '')
    throw invalid(whole, 'the repository name is missing', 'Write at least a repository, for example alpine');
  refuseScheme(text);
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const hasRegistry = first === 'localhost' || /[.:]/.test(first);
  const registry = hasRegistry ? parseRegistry(first, whole) : dockerHub;
  const name = hasRegistry ? text.slice(slash + 1) : text;
  checkRepositoryName(name, whole);
  return { registry, repository: registry === dockerHub && !name.includes('/') ? `library/${name}` : name };
}

/**
 * Reads a registry's host and port. `docker.io` becomes `index.docker.io`; letter case is kept.
 *
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function parseRegistry(text: string, whole: string = text): RegistryName {
  refuseScheme(text);
  if (text === 'docker.io') return dockerHub;
  if (text.includes('@')) refuseUser(text);
  if (!isAuthority(text)) {
    throw invalid(
      whole,
      `${quoted(text)} is no host name with an optional port`,
      'Write host or host:port, for example ghcr.io or localhost:5000',
    );
  }
  return text as RegistryName;
}

/**
 * Reads a tag alone.
 *
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function parseTag(text: string, whole: string = text): string {
  if (tagPattern.test(text)) return text;
  throw invalid(
    whole,
    text === '' ? 'the tag after the colon is empty' : `the tag ${quoted(text)} ${tagFault(text)}`,
    tagHint,
  );
}

/** Whether text could be a tag: what a store may be asked to write under. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/**
 * Checks a repository's name as requests carry it: no registry, no defaults.
 *
 * @param whole what the name is part of, for the message
 * @throws {OciError} `INVALID_REFERENCE`
 */
export function checkRepositoryName(name: string, whole: string = name): void {
  if (name === '') throw invalid(whole, 'the repository name is empty', 'Write registry/repository');
  if (name.length > 255)
    throw invalid(whole, `the repository name has ${name.length} characters, at most 255 are allowed`);
  if (/[A-Z]/.test(name)) {
    throw invalid(
      whole,
      `the repository name ${quoted(name)} has upper-case letters`,
      `Write ${quoted(name.toLowerCase())}`,
    );
  }
  const strange = /[^a-z0-9_./-]/.exec(name);
  if (strange !== null) {
    throw invalid(whole, `the repository name ${quoted(name)} has the character ${quoted(strange[0])}`, nameHint);
  }
  for (const component of name.split('/')) {
    if (component === '')
      throw invalid(whole, `the repository name ${quoted(name)} has an empty part between slashes`, nameHint);
    if (!pathComponent.test(component))
      throw invalid(whole, `the part ${quoted(component)} of the repository name is malformed`, nameHint);
  }
}

/** Whether text could be a repository's name as requests carry it. */
export function isRepositoryName(text: string): boolean {
  return text.length <= 255 && text.split('/').every((part) => pathComponent.test(part));
}

/** `registry/repository` in full. */
export function formatRepository({ registry, repository }: Repository): string {
  return `${registry}/${repository}`;
}

/** The full name: `registry/repository@digest` when there is a digest, else with the tag. */
export function formatReference(reference: Reference): string {
  const name = formatRepository(reference);
  return reference.digest === undefined ? `${name}:${reference.tag ?? defaultTag}` : `${name}@${reference.digest}`;
}

/** What a store is asked for: the digest when there is one, else the tag. */
export function identifierOf(reference: Reference): string {
  return reference.digest ?? reference.tag ?? defaultTag;
}

/** Whether two names are of the same repository. */
export function sameRepository(a: Repository, b: Repository): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

/**
 * Whether a registry's name alone says that plain http may be tried: loopback names and addresses, and the private IPv4
 * ranges. crane-cli reference, section 5.2, with all loopback names treated alike.
 */
export function mayUsePlainHttp(registry: RegistryName): boolean {
  return isLoopback(registry) || /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)[\d.]+(?::\d+)?$/.test(registry);
}

/** Whether a registry's name is one of this machine: localhost, `*.localhost`, 127.0.0.0/8, ::1. */
export function isLoopback(registry: string): boolean {
  return /^(?:(?:[^:/]+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$|^::1$/.test(registry);
}

const tagHint = 'A tag has 1 to 128 of the characters a-z A-Z 0-9 _ . - and starts with none of . and -';

/** The last colon starts a tag when no slash follows and something could be a name before it. */
function splitTag(text: string): { readonly name: string; readonly tag?: string } {
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.includes('/', colon)) return { name: text };
  return { name: text.slice(0, colon), tag: parseTag(text.slice(colon + 1), text) };
}

function parseReferenceDigest(text: string, whole: string): Digest {
  if (isDigest(text)) return text;
  try {
    return parseDigest(text);
  } catch (cause) {
    if (cause instanceof OciError) {
      throw new OciError('INVALID_DIGEST', `Invalid reference ${quoted(whole)}: ${lowerFirst(cause.message)}`, {
        cause,
        hint: cause.hint,
      });
    }
    throw cause;
  }
}

const nameHint =
  'Each part between slashes has the characters a-z 0-9, with single . _ - , two _ or any number of - between them';

function tagFault(text: string): string {
  if (text.length > 128) return `has ${text.length} characters`;
  if (/^[.-]/.test(text)) return `starts with ${quoted(text.charAt(0))}`;
  return `has the character ${quoted(/[^a-zA-Z0-9._-]/.exec(text)?.[0] ?? '')}`;
}

function refuseScheme(text: string): void {
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.exec(text)?.[0];
  if (scheme === undefined) return;
  throw invalid(
    text,
    `a reference has no scheme like ${quoted(scheme)}`,
    `Drop ${quoted(scheme)}; plain http is chosen with --insecure or by the host`,
  );
}

/** RFC 3986 authority without userinfo; a port of digits. Brackets hold IPv6 addresses, `::1` may stand without. */
function isAuthority(text: string): boolean {
  if (text === '::1') return true;
  // What looks like an address and is none, such as 1.2.3.999, is refused by what makes URLs.
  if (!URL.canParse(`https://${text}/`)) return false;
  if (text.startsWith('[')) return /^\[[0-9a-fA-F:.]+\](?::\d+)?$/.test(text);
  const [host = '', port, ...rest] = text.split(':');
  if (rest.length > 0 || (port !== undefined && !/^\d+$/.test(port))) return false;
  if (port !== undefined && Number(port) > 65_535) return false;
  // A path like ./x or ../x is not meant as a host; 255 is the longest name of the DNS.
  if (host === '' || /^[.-]/.test(host) || host.length > 255) return false;
  return !/[\s/?#@[\]\\%<>"^`{|}\p{Cc}]/u.test(host);
}

/** Somebody wrote user and password in front of the host, as in URLs: the password must not be shown. */
function refuseUser(text: string): never {
  throw invalid(
    text.replace(/:.*@/s, ':…@'),
    'there is a user in front of the host',
    'Leave user and password out; crane auth login, or crane -u USER -p PASSWORD in front of the command, takes them',
  );
}

function invalid(text: string, reason: string, hint?: string): OciError {
  return new OciError('INVALID_REFERENCE', `Invalid reference ${quoted(text)}: ${reason}`, { hint });
}
