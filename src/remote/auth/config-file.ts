import { randomBytes } from 'node:crypto';
import { chmod, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withFileLock } from '../../content/file-lock.ts';
import { makeDirectory } from '../../content/make-directory.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import type { RegistryName } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import { keyOf, normalizeKey } from './auth-entries.ts';
import { malformed, parseSettings, readSettings } from './config-source.ts';
import { eraseFromHelper, type Helper, storeInHelper } from './credential-helper.ts';
import { dockerConfigFile } from './docker-config.ts';
import type { CredentialEnvironment } from './environment.ts';

/** What became of credentials. */
export interface StoredCredential {
  /** Docker's config.json. */
  readonly file: string;
  /** The helper that keeps them, `undefined` when the file itself does, readable for whoever reads the file. */
  readonly helper: string | undefined;
  /** Whether anything is other than before. */
  readonly changed: boolean;
}

/**
 * Keeps credentials for a registry where Docker's config.json says: in a helper, else in the file. Everything else in the
 * file stays as it is.
 *
 * @throws {OciError} `INVALID_SETTINGS` for a malformed or unwritable file, `CREDENTIALS` when a helper fails or the user
 *   name cannot be stored
 */
export async function storeCredential(
  environment: CredentialEnvironment,
  registry: RegistryName,
  user: { readonly username: string; readonly password: string },
  { signal }: CallOptions = {},
): Promise<StoredCredential> {
  signal?.throwIfAborted();
  // Docker and crane refuse to read a whole file because of one entry without a user.
  if (user.username === '' || user.username.includes(':')) {
    throw new OciError(
      'CREDENTIALS',
      `A user name that can be stored is not empty and has no colon, this is ${quoted(user.username)}`,
    );
  }
  if (user.password === '') throw new OciError('CREDENTIALS', 'There is no password to store');
  const key = keyOf(registry);
  const helper = helperFor(await readConfig(environment), registry, environment);
  if (helper !== undefined) await storeInHelper(helper, key, user, signal);
  const entry =
    helper === undefined ? { auth: Buffer.from(`${user.username}:${user.password}`).toString('base64') } : {};
  const file = dockerConfigFile(environment);
  const changed = await changeConfig(environment, { signal }, (config) => {
    const auths = objectIn(config, 'auths');
    if (JSON.stringify(auths[key]) === JSON.stringify(entry)) return false;
    auths[key] = entry;
    config.document['auths'] = auths;
    return true;
  });
  return { file, helper: helper?.name, changed: changed || helper !== undefined };
}

/**
 * Removes a registry's credentials from Docker's config.json and from the helper it names.
 *
 * @throws {OciError} `INVALID_SETTINGS`, `CREDENTIALS`
 */
export async function eraseCredential(
  environment: CredentialEnvironment,
  registry: RegistryName,
  { signal }: CallOptions = {},
): Promise<StoredCredential> {
  signal?.throwIfAborted();
  const known = await readConfig(environment);
  const helper = helperFor(known, registry, environment);
  if (helper !== undefined) await eraseFromHelper(helper, keyOf(registry), signal);
  const wanted = normalizeKey(registry);
  const keysIn = (config: ConfigDocument): readonly string[] =>
    Object.keys(objectIn(config, 'auths')).filter((key) => normalizeKey(key) === wanted);
  // Where there is nothing to remove, nothing is made beside the file either.
  const changed =
    keysIn(known).length > 0 &&
    (await changeConfig(environment, { signal }, (config) => {
      const keys = keysIn(config);
      for (const key of keys) delete objectIn(config, 'auths')[key];
      return keys.length > 0;
    }));
  return { file: known.file, helper: helper?.name, changed };
}

interface ConfigDocument {
  readonly file: string;
  readonly document: Record<string, unknown>;
}

/**
 * Reads, changes and replaces the file as one step among all processes that do it so: logins at the same time, as builds
 * have them, lose nothing of each other.
 *
 * @param change tells whether it changed anything
 */
async function changeConfig(
  environment: CredentialEnvironment,
  { signal }: CallOptions,
  change: (config: ConfigDocument) => boolean,
): Promise<boolean> {
  const file = dockerConfigFile(environment);
  const directory = dirname(file);
  const task = async (): Promise<boolean> => {
    const config = await readConfig(environment);
    const changed = change(config);
    if (changed) await writeConfig(config);
    return changed;
  };
  try {
    await makeDirectory(directory, { mode: 0o700 });
    return await withFileLock(join(directory, lockName), task, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    if (isOciError(cause) && cause.code !== 'FILE_SYSTEM') throw cause;
    throw new OciError('INVALID_SETTINGS', `Credentials file ${file} cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}

const lockName = '.config.json.lock';

async function readConfig(environment: CredentialEnvironment): Promise<ConfigDocument> {
  const file = dockerConfigFile(environment);
  const bytes = await readSettings(file);
  return { file, document: bytes === undefined ? {} : parseSettings(bytes, file) };
}

function helperFor(config: ConfigDocument, registry: string, { env, run }: CredentialEnvironment): Helper | undefined {
  const helpers = objectIn(config, 'credHelpers');
  const wanted = normalizeKey(registry);
  const own = Object.keys(helpers).find((key) => normalizeKey(key) === wanted);
  const name = own === undefined ? config.document['credsStore'] : helpers[own];
  return typeof name === 'string' && name !== '' ? { name, file: config.file, env, run } : undefined;
}

function objectIn({ document, file }: ConfigDocument, field: string): Record<string, unknown> {
  const value = Object.hasOwn(document, field) ? document[field] : undefined;
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(file, `its ${field} is no object`);
  return value as Record<string, unknown>;
}

/** Written beside and renamed, so that a crash leaves the old file or the new one. A link stays, what it points to is replaced. */
async function writeConfig({ file, document }: ConfigDocument): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const mode = await stat(target).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      // Docker indents with tabs and ends without a line feed.
      await handle.writeFile(JSON.stringify(document, undefined, '\t'));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, mode);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}
