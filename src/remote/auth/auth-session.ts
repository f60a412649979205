import type { OciError } from '../../errors.ts';
import type { Challenge } from '../../wire/challenge.ts';
import { parseScopes, repositoryScope, uniteScopes } from '../../wire/scope.ts';
import type { Answer } from '../transport/redirect.ts';
import { type LoginState, ResponseError } from '../transport/response-error.ts';
import type { Authorizer } from './authorizer.ts';
import { challengeIn, type KnownChallenge } from './known-challenge.ts';
import { basicAuthorization, type Credential } from './credential.ts';
import { resolveRealm } from './realm.ts';
import type { Token } from './token.ts';

export interface SessionRequest {
  readonly repository?: string | undefined;
  /** Token scopes the request needs. */
  readonly scopes: readonly string[];
  /** Nothing is changed by it, so it may be tried without credentials that were refused. */
  readonly reads: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Grant {
  readonly header: string;
  /** The token, when it was one. */
  readonly token?: Token;
  readonly credential?: Credential | undefined;
}

/**
 * What is sent as `Authorization` for one request, and what to change after a 401: take up the challenge, add the scopes it
 * names, renew the token, go without refused credentials. Each is tried once, so a registry cannot keep us going.
 */
export class AuthSession {
  readonly #authorizer: Authorizer;
  readonly #request: SessionRequest;
  readonly #tried = new Set<'challenge' | 'scopes' | 'renewal'>();
  #grant: Grant | undefined;
  #refusedToken: string | undefined;
  /** Credentials that were refused; from then on the request goes without any. */
  #refused: Credential | undefined;
  #current: Credential | undefined;
  #problem: OciError | undefined;
  readonly #startedAt: number;

  constructor(authorizer: Authorizer, request: SessionRequest) {
    this.#authorizer = authorizer;
    this.#request = request;
    this.#startedAt = authorizer.context.now();
  }

  /** The header for the next try, `undefined` while the registry has not asked for any. */
  async authorization(): Promise<string | undefined> {
    const { known } = this.#authorizer;
    if (known === undefined) return undefined;
    try {
      this.#grant = await this.#meet(known);
    } catch (error) {
      if (!isRefusal(error) || !this.#goAnonymous(this.#current)) throw error;
      this.#grant = await this.#meet(known);
    }
    return this.#grant?.header;
  }

  /**
   * Learns from a 401.
   *
   * @param ping asks the registry's root for a challenge when this answer has none (demand-and-quirks reference, Q-01)
   * @returns whether another try makes sense
   */
  async refused(answer: Answer, ping: () => Promise<Answer | undefined>): Promise<boolean> {
    const found = challengeIn(answer) ?? this.#authorizer.known ?? challengeIn(await ping());
    if (found === undefined) return this.#learnNothing();
    this.#authorizer.known = found;
    if (this.#grant === undefined) return this.#once('challenge') && (await this.#canMeet(found.challenge));
    return this.#addScopes(found.challenge) || this.#learnNothing();
  }

  /** The request was let through. */
  accepted(): void {
    if (this.#refused !== undefined) this.#authorizer.refuse(this.#request.repository, this.#refused.source);
  }

  /** What a message about a final 401 has to say. */
  get state(): LoginState {
    return {
      registry: this.#authorizer.context.registry,
      source: this.#refused?.source ?? this.#current?.source,
      problem: this.#problem,
    };
  }

  #learnNothing(): boolean {
    const { token, credential } = this.#grant ?? {};
    // A token fetched for this very request would come out the same.
    if (token !== undefined && token.receivedAt < this.#startedAt && this.#once('renewal')) {
      this.#refusedToken = token.value;
      return true;
    }
    return this.#goAnonymous(credential);
  }

  #addScopes({ parameters }: Challenge): boolean {
    const planned = this.#scopes();
    const united = uniteScopes(planned, parseScopes(parameters['scope'] ?? ''));
    if (united.length === planned.length || !this.#once('scopes')) return false;
    this.#authorizer.extraScopes.set(this.#planKey(), united);
    return true;
  }

  #goAnonymous(credential: Credential | undefined): boolean {
    if (credential === undefined || this.#refused !== undefined || !this.#request.reads) return false;
    this.#refused = credential;
    return true;
  }

  async #meet({ challenge, url }: KnownChallenge): Promise<Grant | undefined> {
    const credential = await this.#credential();
    if (credential?.registryToken !== undefined) return { header: `Bearer ${credential.registryToken}`, credential };
    if (challenge.scheme === 'basic') {
      const header = credential === undefined ? undefined : basicAuthorization(credential);
      return header === undefined ? undefined : { header, credential };
    }
    const { tokens, insecure, origin } = this.#authorizer.context;
    const token = await tokens.get(
      {
        realm: resolveRealm(challenge.parameters['realm'] ?? '', url, insecure),
        service: challenge.parameters['service'],
        scopes: this.#scopes(),
        credential,
        registry: origin(),
        insecure,
        signal: this.#request.signal,
      },
      this.#refusedToken,
    );
    return { header: `Bearer ${token.value}`, token, credential };
  }

  async #credential(): Promise<Credential | undefined> {
    const { repository, reads, signal } = this.#request;
    this.#current = undefined;
    if (this.#refused !== undefined || (reads && this.#authorizer.isRefused(repository))) return undefined;
    const { credential, problem } = await this.#authorizer.credentialFor(repository, signal);
    this.#problem = problem;
    this.#current = credential;
    return credential;
  }

  /** Basic credentials that do not exist cannot be sent; a token may be had without. */
  async #canMeet({ scheme }: Challenge): Promise<boolean> {
    if (scheme === 'bearer') return true;
    const credential = await this.#credential();
    return credential !== undefined && (credential.registryToken ?? basicAuthorization(credential)) !== undefined;
  }

  #scopes(): readonly string[] {
    const scopes = this.#authorizer.extraScopes.get(this.#planKey()) ?? this.#request.scopes;
    // Nobody is let to push without credentials, and some token servers refuse the whole request.
    if (this.#refused === undefined || this.#request.repository === undefined) return scopes;
    return [repositoryScope(this.#request.repository, 'pull')];
  }

  #planKey(): string {
    return this.#request.scopes.join(' ');
  }

  #once(step: 'challenge' | 'scopes' | 'renewal'): boolean {
    if (this.#tried.has(step)) return false;
    this.#tried.add(step);
    return true;
  }
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof ResponseError)) return false;
  return error.code === 'UNAUTHORIZED' || error.code === 'DENIED' || error.status === 400;
}
