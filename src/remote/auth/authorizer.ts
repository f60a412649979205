import { SharedCalls } from '../../async/shared-calls.ts';
import { isOciError, OciError } from '../../errors.ts';
import { isLoopback, type RegistryName } from '../../oci/reference.ts';
import { AuthSession, type SessionRequest } from './auth-session.ts';
import type { Credential, Keychain } from './credential.ts';
import type { KnownChallenge } from './known-challenge.ts';
import type { TokenCache } from './token-cache.ts';

export interface AuthorizerContext {
  readonly registry: RegistryName;
  readonly keychain: Keychain;
  readonly tokens: TokenCache;
  readonly insecure: boolean;
  readonly warn: (message: string) => void;
  readonly now: () => number;
  /** The registry's own URL, once a request told whether it is https. */
  readonly origin: () => URL;
}

interface Found {
  readonly credential: Credential | undefined;
  /** Why there are none. */
  readonly problem?: OciError;
}

/** What one registry wants to see, learned from its challenges, and the credentials there are for it. */
export class Authorizer {
  readonly context: AuthorizerContext;
  /** The last challenge that could be met. */
  known: KnownChallenge | undefined;
  /** Scopes the registry asked for beyond those planned, by the planned ones. */
  readonly extraScopes: Map<string, readonly string[]> = new Map();
  readonly #found = new Map<string, Found>();
  readonly #lookups = new SharedCalls<Found>();
  readonly #refused = new Set<string>();

  constructor(context: AuthorizerContext) {
    this.context = context;
  }

  /** Follows one request through challenges and refusals. */
  session(request: SessionRequest): AuthSession {
    return new AuthSession(this, request);
  }

  /**
   * The credentials for a repository. A failing helper counts as none, with a warning: the registry may not need any.
   *
   * @throws {OciError} `UNAUTHORIZED` when they would travel unencrypted
   */
  async credentialFor(repository: string | undefined, signal: AbortSignal | undefined): Promise<Found> {
    const key = repository ?? '';
    const found =
      this.#found.get(key) ?? (await this.#lookups.run(key, (inner) => this.#lookUp(repository, inner), signal));
    this.#found.set(key, found);
    if (found.credential !== undefined) this.#refusePlainHttp(found.credential);
    return found;
  }

  /** Notes that a registry serves reads of a repository without the credentials it refused. */
  refuse(repository: string | undefined, source: string): void {
    this.#refused.add(repository ?? '');
    this.context.warn(
      `${this.context.registry} refused the credentials from ${source}; it was read from without credentials`,
    );
  }

  isRefused(repository: string | undefined): boolean {
    return this.#refused.has(repository ?? '');
  }

  async #lookUp(repository: string | undefined, signal: AbortSignal): Promise<Found> {
    const { keychain, registry, warn } = this.context;
    try {
      return { credential: await keychain({ registry, repository }, { signal }) };
    } catch (error) {
      if (!isOciError(error, 'CREDENTIALS')) throw error;
      warn(`${error.message}; going on without credentials for ${registry}`);
      return { credential: undefined, problem: error };
    }
  }

  #refusePlainHttp(credential: Credential): void {
    const { registry, insecure, origin } = this.context;
    if (origin().protocol === 'https:' || insecure || isLoopback(registry)) return;
    throw new OciError(
      'UNAUTHORIZED',
      `${registry} speaks plain http and wants credentials; those from ${credential.source} are not sent unencrypted`,
      { hint: 'Use --insecure if the network can be trusted, or give the registry a TLS certificate' },
    );
  }
}
