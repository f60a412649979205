import type { Answer } from '../transport/redirect.ts';
import { ResponseError } from '../transport/response-error.ts';
import { parseScopes } from '../../wire/scope.ts';
import { challengeOf } from './known-challenge.ts';
import { resolveRealm } from './realm.ts';
import type { TokenCache } from './token-cache.ts';

export interface ElsewhereContext {
  readonly tokens: TokenCache;
  readonly insecure: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What to show a host that a redirect led to and that asks for a token of its own, as registries behind registries do
 * (demand-and-quirks reference, Q-23): a token for nobody, for what its challenge names. Credentials that the user has for
 * that host stay out of it, or any registry could have others read with them. The first registry's state is not touched.
 *
 * @returns `undefined` where there is no such token to be had
 * @throws {OciError} `RESPONSE` for a token server that must not be asked
 */
export async function authorizationElsewhere(
  answer: Answer,
  { tokens, insecure, signal }: ElsewhereContext,
): Promise<string | undefined> {
  const found = challengeOf(answer);
  if (found?.challenge.scheme !== 'bearer') return undefined;
  const { realm = '', service, scope = '' } = found.challenge.parameters;
  const request = {
    realm: resolveRealm(realm, found.url, insecure),
    service,
    scopes: parseScopes(scope),
    registry: new URL('/', found.url),
    insecure,
    stranger: true,
    signal,
  };
  try {
    return `Bearer ${(await tokens.get(request)).value}`;
  } catch (error) {
    if (error instanceof ResponseError) return undefined;
    throw error;
  }
}
