import { readFile } from 'node:fs/promises';
import { fileFault } from '../../content/file-fault.ts';
import { isOciError, OciError, quoted } from '../../errors.ts';
import { keyOf } from '../auth/auth-entries.ts';
import { configKeychain } from '../auth/config-keychain.ts';
import { readAuthFile } from '../auth/config-source.ts';
import type { Credential, Keychain } from '../auth/credential.ts';
import { getFromHelper } from '../auth/credential-helper.ts';
import type { CredentialEnvironment } from '../auth/environment.ts';
import type { SettingsNode } from './settings-node.ts';

/** Where the credentials of a host are. No password stands in a settings file itself. */
export type CredentialSource =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'helper'; readonly name: string }
  /** A file like Docker's config.json. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'password-file'; readonly username: string; readonly path: string }
  | { readonly kind: 'password-variable'; readonly username: string; readonly variable: string };

const allowed = 'anonymous, {helper: NAME}, {file: PATH}, or {username: NAME} with passwordFile or passwordEnv';

export function readCredentials(node: SettingsNode, pathOf: (node: SettingsNode) => string): CredentialSource {
  if (node.isText) {
    if (node.text(allowed) === 'anonymous') return { kind: 'anonymous' };
    throw node.fault(`${node.path} is a text, allowed is ${allowed}`);
  }
  const fields = node.fields(['helper', 'file', 'username', 'passwordFile', 'passwordEnv'], allowed);
  const { helper, file, username, passwordFile, passwordEnv } = fields;
  const count = Object.keys(fields).length;
  if (helper !== undefined && count === 1) return { kind: 'helper', name: readHelper(helper) };
  if (file !== undefined && count === 1) return { kind: 'file', path: pathOf(file) };
  if (username !== undefined && count === 2) {
    const name = username.text('a user name');
    if (passwordFile !== undefined) return { kind: 'password-file', username: name, path: pathOf(passwordFile) };
    if (passwordEnv !== undefined) {
      const variable = passwordEnv.text('the name of a variable');
      return { kind: 'password-variable', username: name, variable };
    }
  }
  throw node.fault(`${node.path} has ${Object.keys(fields).join(' and ') || 'nothing'}, allowed is ${allowed}`);
}

/** Credentials from where a settings file says they are. */
export function keychainOf(source: CredentialSource, file: string, environment: CredentialEnvironment): Keychain {
  switch (source.kind) {
    case 'anonymous':
      return async () => undefined;
    case 'helper':
      return async ({ registry }, { signal } = {}) => {
        const { env, run } = environment;
        return getFromHelper({ name: source.name, file, env, run }, keyOf(registry), signal);
      };
    case 'file':
      return configKeychain(async () => readAuthFile(source.path), environment);
    case 'password-file':
      return async () => withPassword(source.username, await readPassword(source.path, file), source.path);
    case 'password-variable':
      return async () => {
        const { username, variable } = source;
        return withPassword(username, variableIn(environment, variable, file), `the variable ${variable}`);
      };
    default:
      return source satisfies never;
  }
}

/** The name becomes part of a program's. */
function readHelper(node: SettingsNode): string {
  const name = node.text('the name of a helper: what follows docker-credential-');
  if (/^[\w.-]+$/.test(name)) return name;
  throw node.fault(`${node.path} is ${node.shown}, allowed is what follows docker-credential- in the program's name`);
}

/** Tokens of some registries are a few KiB long. */
const maxPasswordSize = 64 * 1024;

async function readPassword(path: string, file: string): Promise<string> {
  let bytes;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const fault = fileFault(cause, 'read', path);
    if (!isOciError(fault)) throw fault;
    throw new OciError('INVALID_SETTINGS', `${fault.message} (the password file in ${file})`, { cause });
  }
  if (bytes.byteLength > maxPasswordSize) {
    throw new OciError('INVALID_SETTINGS', `${quoted(path)} is too large for a password (named in ${file})`);
  }
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

function variableIn({ env }: CredentialEnvironment, variable: string, file: string): string {
  const value = env[variable] ?? '';
  if (value !== '') return value;
  throw new OciError(
    'INVALID_SETTINGS',
    `The variable ${quoted(variable)} is not set, where ${file} expects a password`,
  );
}

function withPassword(username: string, password: string, source: string): Credential {
  return { source, username, password };
}
