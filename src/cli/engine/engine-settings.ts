import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EngineAddress, type EngineTls, parseEngineAddress } from '../../daemon/engine-address.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import { object, optional, boolean, string } from '../../oci/decode.ts';
import type { Process } from '../process.ts';

/** What of the surroundings says where the engine is. */
export type EngineSurroundings = Pick<Process, 'env' | 'homedir' | 'platform'>;

export interface EngineSettings {
  readonly address: EngineAddress;
  /** `DOCKER_API_VERSION`. */
  readonly apiVersion: string | undefined;
}

/**
 * Finds the engine as Docker's own command line does: `DOCKER_HOST`, else the context that `DOCKER_CONTEXT` or config.json
 * names, else the first socket that is there: Docker's, that of Docker without root, that of Docker Desktop, podman's.
 *
 * @throws {OciError} `INVALID_SETTINGS`, `NOT_FOUND` for a context that does not exist
 */
export async function engineSettings(surroundings: EngineSurroundings): Promise<EngineSettings> {
  const { env } = surroundings;
  const apiVersion = env['DOCKER_API_VERSION'] || undefined;
  if (apiVersion !== undefined && !/^\d+\.\d+$/.test(apiVersion)) {
    throw new OciError('INVALID_SETTINGS', `DOCKER_API_VERSION is ${quoted(apiVersion)}, which is no version`, {
      hint: 'Write it as 1.41, or leave it unset',
    });
  }
  return { address: await addressOf(surroundings), apiVersion };
}

async function addressOf(surroundings: EngineSurroundings): Promise<EngineAddress> {
  const { env } = surroundings;
  const host = env['DOCKER_HOST'] ?? '';
  if (host !== '') {
    const tls = host.startsWith('tcp:') || host.startsWith('http') ? await environmentTls(surroundings) : undefined;
    return parseEngineAddress(host, { tls, env });
  }
  const context = env['DOCKER_CONTEXT'] || (await currentContext(surroundings));
  if (context !== undefined && context !== 'default') return contextAddress(surroundings, context);
  return defaultAddress(surroundings);
}

/** Docker's settings: config.json, contexts, and TLS material that belongs to no context. */
function dockerDirectory({ env, homedir }: EngineSurroundings): string {
  return env['DOCKER_CONFIG'] || join(homedir, '.docker');
}

async function environmentTls(surroundings: EngineSurroundings): Promise<EngineTls | undefined> {
  const { env } = surroundings;
  const [verify = '', path = ''] = [env['DOCKER_TLS_VERIFY'], env['DOCKER_CERT_PATH']];
  if (verify === '' && path === '') return undefined;
  const files = await tlsFiles(path === '' ? dockerDirectory(surroundings) : path);
  if (path !== '' && Object.values(files).every((text) => text === undefined)) {
    throw new OciError(
      'INVALID_SETTINGS',
      `There is no ca.pem, cert.pem or key.pem in DOCKER_CERT_PATH, ${quoted(path)}`,
      { hint: 'Name the directory that has them, or leave DOCKER_CERT_PATH unset' },
    );
  }
  return { ...files, insecure: verify === '' };
}

async function tlsFiles(directory: string): Promise<EngineTls> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readText(join(directory, name))),
  );
  return { ca, cert, key };
}

async function currentContext(surroundings: EngineSurroundings): Promise<string | undefined> {
  const file = join(dockerDirectory(surroundings), 'config.json');
  const text = await readText(file);
  if (text === undefined || text.trim() === '') return undefined;
  return parse(text, file, object({ currentContext: optional(string) })).currentContext || undefined;
}

const contextFields = object({
  Endpoints: object({ docker: object({ Host: optional(string), SkipTLSVerify: optional(boolean, false) }) }),
});

/** A context is kept under the hash of its name. */
async function contextAddress(surroundings: EngineSurroundings, name: string): Promise<EngineAddress> {
  const contexts = join(dockerDirectory(surroundings), 'contexts');
  const id = createHash('sha256').update(name).digest('hex');
  const file = join(contexts, 'meta', id, 'meta.json');
  const text = await readText(file);
  if (text === undefined) {
    throw new OciError('NOT_FOUND', `There is no Docker context ${quoted(name)}: no file ${file}`, {
      hint: 'docker context ls shows those there are; DOCKER_CONTEXT and docker context use choose one',
    });
  }
  const hint = `docker context inspect shows it; docker context rm ${shellWord(name)} and docker context create make it anew`;
  const { Host = '', SkipTLSVerify } = parse(text, file, contextFields, `The Docker context ${quoted(name)}`, hint)
    .Endpoints.docker;
  if (Host === '') return defaultAddress(surroundings);
  const files = await tlsFiles(join(contexts, 'tls', id, 'docker'));
  const hasTls = SkipTLSVerify || Object.values(files).some((content) => content !== undefined);
  const tls = hasTls ? { ...files, insecure: SkipTLSVerify } : undefined;
  try {
    return parseEngineAddress(Host, { tls, env: surroundings.env });
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    throw new OciError(
      cause.code,
      `The Docker context ${quoted(name)} is of no use: ${cause.message.replace(/^I/, 'i')}`,
      { cause, hint },
    );
  }
}

/** A name as one can type it. */
function shellWord(name: string): string {
  return /^[\w.+-]+$/.test(name) ? name : 'NAME';
}

async function defaultAddress({ env, homedir, platform }: EngineSurroundings): Promise<EngineAddress> {
  if (platform === 'win32') return parseEngineAddress('npipe:////./pipe/docker_engine');
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  const ofUser = (...names: readonly string[]): readonly string[] => (runtime === '' ? [] : [join(runtime, ...names)]);
  const usual = '/var/run/docker.sock';
  const others = [
    ...ofUser('docker.sock'),
    join(homedir, '.docker/run/docker.sock'),
    ...ofUser('podman', 'podman.sock'),
    '/run/podman/podman.sock',
  ];
  for (const path of [usual, ...others]) if (await isThere(path)) return { kind: 'socket', path };
  return { kind: 'socket', path: usual };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** @returns `undefined` for a file that is not there */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new OciError('INVALID_SETTINGS', `The file ${quoted(file)} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** What the file says is not repeated: it may hold credentials. */
function parse<T>(
  text: string,
  file: string,
  decode: (value: unknown, path: string) => T,
  what = 'The settings of Docker',
  hint = 'Docker reads the same file: repair it, or set DOCKER_HOST to go without it',
): T {
  const invalid = (why: string): OciError =>
    new OciError('INVALID_SETTINGS', `${what} cannot be read: the file ${quoted(file)} ${why}`, { hint });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw invalid('is not JSON');
  }
  try {
    return decode(document, '');
  } catch (cause) {
    throw invalid(`is not as it should be: ${messageOf(cause)}`);
  }
}
