import { isOciError, type OciError } from '../../errors.ts';
import type { RegistryName } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';

/** What a registry or its token server is shown. Kept in memory only and never part of a message. */
export interface Credential {
  /** Where it was found, for messages: a file, a helper, an option. Holds nothing secret. */
  readonly source: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** An OAuth2 refresh token, exchanged for access tokens. */
  readonly identityToken?: string | undefined;
  /** A token the registry itself takes, without an exchange. */
  readonly registryToken?: string | undefined;
  /** Milliseconds since the epoch by our own clock, from when on another should be asked for. @default good for the whole process */
  readonly expiresAt?: number | undefined;
}

/** What credentials are looked for: a repository, or the registry as a whole. */
export interface CredentialScope {
  readonly registry: RegistryName;
  readonly repository?: string | undefined;
}

export interface KeychainOptions extends CallOptions {
  /**
   * Told why there are none where some might have been: a program or package that is not installed, a login that is missing.
   * Nothing failed, and whoever asks shows it only if the registry refuses.
   */
  readonly onMissing?: ((reason: OciError) => void) | undefined;
}

/**
 * Finds credentials. It is asked only after a registry demanded some.
 *
 * @throws {OciError} `CREDENTIALS` when a credential helper failed: the request then goes on without credentials;
 *   `INVALID_SETTINGS` when a file is malformed
 */
export type Keychain = (scope: CredentialScope, options?: KeychainOptions) => Promise<Credential | undefined>;

/** Never has credentials. */
export async function anonymous(): Promise<undefined> {
  return undefined;
}

/** The same credentials for every registry: those of a command line. */
export function fixedKeychain(credential: Credential): Keychain {
  return async () => credential;
}

/** Asks one keychain after the other; the first credentials found are taken. */
export function firstKeychain(...keychains: readonly Keychain[]): Keychain {
  return async (scope, options) => {
    for (const keychain of keychains) {
      const credential = await keychain(scope, options);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}

/** One of the places that are asked for credentials, in order. */
export interface NamedKeychain {
  /** For people: a file, a program, a package. */
  readonly name: string;
  readonly find: Keychain;
}

/**
 * Asks one source after the other; the first credentials found are taken. A source that fails does not hide those after it.
 *
 * @param onWarning told of a failure that was gone past
 * @throws {OciError} `CREDENTIALS` when a source failed and no other has credentials
 */
export function sourcesKeychain(
  sources: readonly NamedKeychain[],
  onWarning: ((message: string) => void) | undefined,
): Keychain {
  return async (scope, options) => {
    let failure: OciError | undefined;
    for (const { find } of sources) {
      try {
        const credential = await find(scope, options);
        if (credential === undefined) continue;
        // Whoever wonders which credentials are used has to know.
        if (failure !== undefined) onWarning?.(`${failure.message}; going on with ${credential.source}`);
        return credential;
      } catch (error) {
        if (!isOciError(error, 'CREDENTIALS')) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  };
}

/** The value of an `Authorization` header, RFC 7617; `undefined` when there is no user, or an identity token for it alone. */
export function basicAuthorization({ username, password, identityToken }: Credential): string | undefined {
  if (username === undefined || username === '' || password === undefined) return undefined;
  if (password === '' && identityToken !== undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
