import { readFile } from 'node:fs/promises';
import { messageOf, OciError } from '../../errors.ts';
import { parseJson } from '../../oci/json.ts';

/** Docker's config.json, a podman auth file or DOCKER_AUTH_CONFIG, as far as credentials go. */
export interface AuthConfig {
  /** Where it comes from, for messages. */
  readonly source: string;
  readonly auths: ReadonlyMap<string, unknown>;
  /** Helper names by key. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
  readonly httpHeaders: Readonly<Record<string, string>>;
}

/** Reads a file of credentials; `undefined` when there is none, or only a directory or nothing in it. */
export async function readAuthFile(file: string): Promise<AuthConfig | undefined> {
  const bytes = await readSettings(file);
  return bytes === undefined ? undefined : parseAuthConfig(bytes, file);
}

/** @throws {OciError} `INVALID_SETTINGS` when the file is there and cannot be read */
export async function readSettings(file: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(file);
    return bytes.toString('utf8').trim() === '' ? undefined : bytes;
  } catch (cause) {
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw new OciError('INVALID_SETTINGS', `Credentials file ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** @throws {OciError} `INVALID_SETTINGS` naming the source; what the source says is not repeated */
export function parseAuthConfig(bytes: Uint8Array, source: string): AuthConfig {
  const document = parseSettings(bytes, source);
  const { credsStore } = document;
  return {
    source,
    auths: new Map(Object.entries(objectField(document, 'auths', source))),
    credHelpers: textMap(objectField(document, 'credHelpers', source)),
    credsStore: typeof credsStore === 'string' && credsStore !== '' ? credsStore : undefined,
    httpHeaders: Object.fromEntries(textMap(objectField(document, 'HttpHeaders', source))),
  };
}

/** @throws {OciError} `INVALID_SETTINGS` */
export function parseSettings(bytes: Uint8Array, source: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = parseJson(bytes, source, 'INVALID_SETTINGS');
  } catch {
    // The parser's own message quotes the text, which may be a password.
    throw malformed(source, 'it is not JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw malformed(source, 'it is no JSON object');
  }
  return document as Record<string, unknown>;
}

export function malformed(source: string, why: string): OciError {
  return new OciError('INVALID_SETTINGS', `Credentials in ${source} cannot be used: ${why}`, {
    hint: 'Repair or remove it',
  });
}

function objectField(
  document: Readonly<Record<string, unknown>>,
  name: string,
  source: string,
): Readonly<Record<string, unknown>> {
  const value = Object.hasOwn(document, name) ? document[name] : undefined;
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(source, `its ${name} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function textMap(fields: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(fields).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  );
}
