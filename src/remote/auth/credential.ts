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
}

/** What credentials are looked for: a repository, or the registry as a whole. */
export interface CredentialScope {
  readonly registry: RegistryName;
  readonly repository?: string | undefined;
}

/**
 * Finds credentials. It is asked only after a registry demanded some.
 *
 * @throws {OciError} `CREDENTIALS` when a credential helper failed: the request then goes on without credentials;
 *   `INVALID_SETTINGS` when a file is malformed
 */
export type Keychain = (scope: CredentialScope, options?: CallOptions) => Promise<Credential | undefined>;

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

/** The value of an `Authorization` header, RFC 7617; `undefined` when there is no user, or an identity token for it alone. */
export function basicAuthorization({ username, password, identityToken }: Credential): string | undefined {
  if (username === undefined || username === '' || password === undefined) return undefined;
  if (password === '' && identityToken !== undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
