import type { OciError } from '../../errors.ts';
import type { Challenge } from '../../wire/challenge.ts';
import { repositoryScope } from '../../wire/scope.ts';
import type { Answer } from '../transport/redirect.ts';
import { type LoginState, ResponseError } from '../transport/response-error.ts';
import type { Authorizer } from './authorizer.ts';
import { basicAuthorization, type Credential } from './credential.ts';
import { challengeIn, isSamePlace, type KnownChallenge } from './known-challenge.ts';
import { resolveRealm } from './realm.ts';
import { ScopeLadder } from './scope-ladder.ts';
import type { Token } from './token.ts';

export interface SessionRequest {
  readonly repository?: string | undefined;
  /** Token scopes the request needs, the most needed first. */
  readonly scopes: readonly string[];
  /** Nothing is changed by it, so it may be tried without credentials that were refused. */
  readonly reads: boolean;
  /** Never try without the credentials there are. @default false */
  readonly insist?: boolean | undefined;
  /** It takes long, so its token should not be near its end. @default false */
  readonly isLong?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Grant {
  readonly header: string;
  readonly known: KnownChallenge;
  /** The token, when one was fetched. */
  readonly token?: Token;
  readonly credential?: Credential | undefined;
}

/**
 * What is sent as `Authorization` for one request, and what to change after a 401: take up the challenge, ask for other
 * scopes, renew the token, go without refused credentials. Each is tried a fixed number of times, so a registry cannot keep
 * us going.
 */
export class AuthSession {
  readonly #authorizer: Authorizer;
  readonly #request: SessionRequest;
  readonly #startedAt: number;
  readonly #tried = new Set<'challenge' | 'place'>();
  #ladder: ScopeLadder;
  #renewals = 0;
  #grant: Grant | undefined;
  /** Credentials that were refused; from then on the request goes without any. */
  #refused: Credential | undefined;
  /** What the token server said to them: worth more than what it says to nobody. */
  #verdict: ResponseError | undefined;
  #current: Credential | undefined;
  #problem: OciError | undefined;

  constructor(authorizer: Authorizer, request: SessionRequest) {
    this.#authorizer = authorizer;
    this.#request = request;
    this.#startedAt = authorizer.context.now();
    this.#ladder = new ScopeLadder(authorizer.scopes, request);
  }

  /** The header for the next try, `undefined` while the registry has not asked for any. */
  async authorization(): Promise<string | undefined> {
    const known = this.#authorizer.challengeFor(this.#request.repository);
    if (known === undefined) return undefined;
    for (let tries = 0; ; tries++) {
      try {
        this.#grant = await this.#meet(known);
        if (tries > 0) this.#ladder.settle();
        return this.#grant?.header;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (!this.#giveIn(error)) throw this.#verdict ?? error;
      }
    }
  }

  /**
   * Learns from a 401, or from the 403 of a registry that found the token's rights too small.
   *
   * @param ping asks the registry's root for a challenge when this answer has none (demand-and-quirks reference, Q-01)
   * @returns whether another try makes sense
   */
  async refused(answer: Answer, ping: () => Promise<Answer | undefined>): Promise<boolean> {
    const { repository, scopes } = this.#request;
    const { status } = answer;
    if (status !== 401) return this.#grant?.token !== undefined && this.#ladder.descend({ by: 'registry', status });
    const named = challengeIn(answer);
    const found = named ?? this.#authorizer.challengeFor(repository) ?? challengeIn(await ping());
    if (found === undefined) return this.#goAnonymous(this.#grant?.credential);
    this.#authorizer.learn(repository, found);
    const scope = named?.challenge.parameters['scope'];
    if (this.#grant === undefined) {
      if (!this.#once('challenge')) return false;
      if (scopes.length > 0) this.#ladder.extend(scope, { foreign: true });
      return this.#canMeet(found.challenge);
    }
    if (!isSamePlace(this.#grant.known, found) && this.#once('place')) return true;
    return this.#askOtherwise(this.#grant, found.challenge, scope) || this.#goAnonymous(this.#grant.credential);
  }

  /** The request was let through. */
  accepted(): void {
    this.#ladder.settle();
    if (this.#refused !== undefined) this.#authorizer.refuse(this.#request.repository, this.#refused.source);
  }

  /** What a message about a final refusal has to say. */
  get state(): LoginState {
    return {
      registry: this.#authorizer.context.registry,
      source: this.#refused?.source ?? this.#current?.source,
      problem: this.#problem,
    };
  }

  /** After the refusal of a token server. */
  #giveIn(error: ResponseError): boolean {
    if (this.#ladder.descend({ by: 'token-server', status: error.status })) return true;
    if (!this.#goAnonymous(this.#current)) return false;
    this.#verdict = error;
    return true;
  }

  /** After the refusal of a token. */
  #askOtherwise({ token }: Grant, { parameters }: Challenge, scope: string | undefined): boolean {
    if (token === undefined) return false;
    const error = parameters['error'];
    if (error === 'invalid_token' && this.#renewals < maxRenewals) return this.#renew(token);
    if (this.#ladder.extend(scope)) return true;
    // One that was fetched for this very request would come out the same; within a millisecond nobody can tell.
    const isOld = token.receivedAt <= this.#startedAt && this.#renewals === 0;
    if (isOld && error !== 'insufficient_scope') return this.#renew(token);
    return this.#ladder.descend({ by: 'registry', status: 401 });
  }

  #renew(token: Token): true {
    this.#renewals++;
    this.#authorizer.context.tokens.forget(token);
    return true;
  }

  #goAnonymous(credential: Credential | undefined): boolean {
    const { reads, insist = false, repository, scopes } = this.#request;
    if (credential === undefined || this.#refused !== undefined || !reads || insist) return false;
    this.#refused = credential;
    // Nobody is let to push without credentials, and some token servers refuse the whole request.
    const plan = {
      repository,
      reads,
      scopes: repository === undefined ? scopes : [repositoryScope(repository, 'pull')],
    };
    this.#ladder = new ScopeLadder(this.#authorizer.scopes, plan);
    return true;
  }

  async #meet(known: KnownChallenge): Promise<Grant | undefined> {
    const { challenge, url } = known;
    const credential = await this.#credential();
    if (credential?.registryToken !== undefined)
      return { header: `Bearer ${credential.registryToken}`, known, credential };
    if (challenge.scheme === 'basic') {
      const header = credential === undefined ? undefined : basicAuthorization(credential);
      return header === undefined ? undefined : { header, known, credential };
    }
    const { tokens, insecure, origin } = this.#authorizer.context;
    const request = {
      realm: resolveRealm(challenge.parameters['realm'] ?? '', url, insecure),
      service: challenge.parameters['service'],
      scopes: this.#ladder.scopes,
      credential,
      problem: this.#problem,
      registry: origin(),
      insecure,
      signal: this.#request.signal,
    };
    const token = await tokens.get(request, this.#request.isLong);
    return { header: `Bearer ${token.value}`, known, token, credential };
  }

  async #credential(): Promise<Credential | undefined> {
    const { repository, reads, insist = false, signal } = this.#request;
    this.#current = undefined;
    const isRefused = reads && !insist && this.#authorizer.isRefused(repository);
    if (this.#refused !== undefined || isRefused) return undefined;
    const { credential, problem, missing } = await this.#authorizer.credentialFor(repository, signal);
    if (insist && problem !== undefined) throw problem;
    this.#problem = problem ?? missing;
    this.#current = credential;
    return credential;
  }

  /** Basic credentials that do not exist cannot be sent; a token may be had without. */
  async #canMeet({ scheme }: Challenge): Promise<boolean> {
    if (scheme === 'bearer') return true;
    const credential = await this.#credential();
    return credential !== undefined && (credential.registryToken ?? basicAuthorization(credential)) !== undefined;
  }

  #once(step: 'challenge' | 'place'): boolean {
    if (this.#tried.has(step)) return false;
    this.#tried.add(step);
    return true;
  }
}

/** Servers of a registry that do not agree yet about a token that is seconds old, and tokens that end early, in a row. */
const maxRenewals = 5;

function isRefusal(error: unknown): error is ResponseError {
  if (!(error instanceof ResponseError)) return false;
  return error.code === 'UNAUTHORIZED' || error.code === 'DENIED' || error.status === 400;
}
