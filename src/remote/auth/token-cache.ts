import { SharedCalls } from '../../async/shared-calls.ts';
import type { Credential } from './credential.ts';
import { requestToken, type Token, type TokenHttp, type TokenRequest } from './token.ts';

/** Tokens of one process: one request per realm, service, scopes and identity, however many ask at the same time. */
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

  /** @param refused a value the registry did not take: it is not given again */
  async get(request: TokenRequest, refused?: string): Promise<Token> {
    const key = keyOf(request);
    const known = this.#tokens.get(key);
    if (known !== undefined && known.value !== refused && known.expiresAt > this.#now()) return known;
    return this.#calls.run(key, (signal) => this.#fetch(key, { ...request, signal }), request.signal);
  }

  async #fetch(key: string, request: TokenRequest): Promise<Token> {
    const identity = identityKeyOf(request);
    const refreshToken = this.#refreshTokens.get(identity);
    const credential =
      refreshToken === undefined || request.credential === undefined
        ? request.credential
        : { ...request.credential, identityToken: refreshToken };
    const token = await requestToken({ ...request, credential }, this.#http, this.#now);
    this.#tokens.set(key, token);
    if (token.refreshToken !== undefined) this.#refreshTokens.set(identity, token.refreshToken);
    return token;
  }
}

function keyOf(request: TokenRequest): string {
  return JSON.stringify([identityKeyOf(request), request.scopes]);
}

function identityKeyOf({ realm, service, credential, registry }: TokenRequest): string {
  return JSON.stringify([registry.host, realm.href, service, identityOf(credential)]);
}

function identityOf(credential: Credential | undefined): readonly (string | undefined)[] {
  return credential === undefined ? [] : [credential.username, credential.password, credential.identityToken];
}
