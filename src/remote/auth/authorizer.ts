import { SharedCalls } from '../../async/shared-calls.ts';
import { isOciError, OciError } from '../../errors.ts';
import { isLoopback, type RegistryName } from '../../oci/reference.ts';
import { keepRecent } from '../keep-recent.ts';
import { AuthSession, type SessionRequest } from './auth-session.ts';
import type { Credential, Keychain } from './credential.ts';
import type { KnownChallenge } from './known-challenge.ts';
import { ScopeMemory } from './scope-ladder.ts';
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
  /** Why there are none: something failed. */
  readonly problem?: OciError;
  /** Why there are none, though nothing failed. */
  readonly missing?: OciError;
}

/** What one registry wants to see, learned from its challenges, and the credentials there are for it. */
export class Authorizer {
  readonly context: AuthorizerContext;
  /** Which scopes its token server takes. */
  readonly scopes: ScopeMemory = new ScopeMemory();
  #known: KnownChallenge | undefined;
  readonly #knownByRepository = new Map<string, KnownChallenge>();
  readonly #found = new Map<string, Found>();
  readonly #lookups = new SharedCalls<Found>();
  readonly #refused = new Map<string, true>();

  constructor(context: AuthorizerContext) {
    this.context = context;
  }

  /** Follows one request through challenges and refusals. */
  session(request: SessionRequest): AuthSession {
    return new AuthSession(this, request);
  }

  /** The last challenge for a repository, else the last of all: behind one name may be several registries. */
  challengeFor(repository: string | undefined): KnownChallenge | undefined {
    return (repository === undefined ? undefined : this.#knownByRepository.get(repository)) ?? this.#known;
  }

  learn(repository: string | undefined, found: KnownChallenge): void {
    this.#known = found;
    if (repository !== undefined) keepRecent(this.#knownByRepository, repository, found, maxRepositories);
  }

  /**
   * The credentials for a repository. Where a helper fails, or they would travel unencrypted, there are none, with a
   * warning: the registry may not need any.
   */
  async credentialFor(repository: string | undefined, signal: AbortSignal | undefined): Promise<Found> {
    const key = repository ?? '';
    const found =
      this.#freshFor(key) ?? (await this.#lookups.run(key, (inner) => this.#lookUp(repository, inner), signal));
    keepRecent(this.#found, key, found, maxRepositories);
    const problem = found.credential === undefined ? undefined : this.#exposureOf(found.credential);
    if (problem === undefined) return found;
    this.#warnOf(problem);
    return { credential: undefined, problem };
  }

  /** Notes that a registry serves reads of a repository without the credentials it refused. */
  refuse(repository: string | undefined, source: string): void {
    keepRecent(this.#refused, repository ?? '', true, maxRepositories);
    this.context.warn(
      `${this.context.registry} refused the credentials from ${source}; it was read from without credentials`,
    );
  }

  isRefused(repository: string | undefined): boolean {
    return this.#refused.has(repository ?? '');
  }

  /** What was found before, unless it has expired: clouds give credentials for an hour. */
  #freshFor(key: string): Found | undefined {
    const found = this.#found.get(key);
    const expiresAt = found?.credential?.expiresAt;
    return expiresAt !== undefined && this.context.now() >= expiresAt ? undefined : found;
  }

  async #lookUp(repository: string | undefined, signal: AbortSignal): Promise<Found> {
    const { keychain, registry } = this.context;
    let missing: OciError | undefined;
    const onMissing = (reason: OciError): void => {
      missing ??= reason;
    };
    try {
      const credential = await keychain({ registry, repository }, { signal, onMissing });
      return credential !== undefined || missing === undefined ? { credential } : { credential, missing };
    } catch (error) {
      if (!isOciError(error, 'CREDENTIALS')) throw error;
      this.#warnOf(error);
      return { credential: undefined, problem: error };
    }
  }

  #warnOf({ message }: OciError): void {
    this.context.warn(`${message}; going on without credentials for ${this.context.registry}`);
  }

  #exposureOf(credential: Credential): OciError | undefined {
    const { registry, insecure, origin } = this.context;
    if (origin().protocol === 'https:' || insecure || isLoopback(registry)) return undefined;
    return new OciError(
      'UNAUTHORIZED',
      `${registry} speaks plain http, and the credentials from ${credential.source} are not sent unencrypted`,
      { hint: 'Use --insecure if the network can be trusted, or give the registry a TLS certificate' },
    );
  }
}

/** As many repositories as one command may work on. */
const maxRepositories = 1000;
