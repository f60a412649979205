import { SharedCalls } from '../../async/shared-calls.ts';
import { keepRecent } from '../keep-recent.ts';
import type { Credential } from './credential.ts';
import { ResponseError } from '../transport/response-error.ts';
import { requestToken, type Token, type TokenHttp, type TokenRequest } from './token.ts';

/** Tokens of one process: one request per host, realm, service, scopes and identity, however many ask at the same time. */
export class TokenCache {
  readonly #http: TokenHttp;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Token>();
  readonly #refreshTokens = new Map<string, string>();
  readonly #calls = new SharedCalls<Token>();

  constructor(http: TokenHttp, now: () => number) {
    this.#http = http;
    this.#now = now;
  }

  /** @param isLong the token is for a request that takes long: it should not be near its end (demand-and-quirks reference, Q-16) */
  async get(request: TokenRequest, isLong = false): Promise<Token> {
    const key = keyOf(request);
    const known = this.#tokens.get(key);
    if (known !== undefined && this.#isGood(known, isLong)) return known;
    return this.#calls.run(key, (signal) => this.#fetch(key, { ...request, signal }), request.signal);
  }

  /** Gives a token to nobody any more: a registry did not take it. */
  forget(token: Token): void {
    for (const [key, known] of this.#tokens) if (known === token) this.#tokens.delete(key);
  }

  #isGood({ receivedAt, expiresAt }: Token, isLong: boolean): boolean {
    const now = this.#now();
    // A clock that was set back says nothing about the age of a token.
    return now >= receivedAt && now < (isLong ? (receivedAt + expiresAt) / 2 : expiresAt);
  }

  async #fetch(key: string, request: TokenRequest): Promise<Token> {
    const identity = identityKeyOf(request);
    const token = await this.#fetchAs(identity, request);
    keepRecent(this.#tokens, key, token, maxEntries);
    if (token.refreshToken !== undefined && request.credential !== undefined) {
      keepRecent(this.#refreshTokens, identity, token.refreshToken, maxEntries);
    }
    return token;
  }

  /** A refresh token that came with a token takes the credential's place until it is refused. */
  async #fetchAs(identity: string, request: TokenRequest): Promise<Token> {
    const identityToken = this.#refreshTokens.get(identity);
    if (identityToken !== undefined && request.credential !== undefined) {
      try {
        const credential = { ...request.credential, identityToken };
        return await requestToken({ ...request, credential }, this.#http, this.#now);
      } catch (error) {
        if (!(error instanceof ResponseError)) throw error;
        this.#refreshTokens.delete(identity);
      }
    }
    return requestToken(request, this.#http, this.#now);
  }
}

/** Enough for one command over many repositories; a token takes a few KiB. */
const maxEntries = 1000;

function keyOf(request: TokenRequest): string {
  return JSON.stringify([identityKeyOf(request), request.scopes]);
}

function identityKeyOf({ realm, service, credential, registry, stranger = false }: TokenRequest): string {
  return JSON.stringify([registry.host, realm.href, service, identityOf(credential), stranger]);
}

function identityOf(credential: Credential | undefined): readonly (string | undefined)[] {
  return credential === undefined ? [] : [credential.username, credential.password, credential.identityToken];
}
