import { OciError } from '../../errors.ts';
import { parseJson } from '../../oci/json.ts';
import { basicAuthorization, type Credential } from './credential.ts';

/** What a token is asked for with. */
export interface TokenRequest {
  /** Checked by {@link resolveRealm}. */
  readonly realm: URL;
  readonly service?: string | undefined;
  /** The most needed first. */
  readonly scopes: readonly string[];
  readonly credential?: Credential | undefined;
  /** Why there is no credential, for the message of a refusal. */
  readonly problem?: OciError | undefined;
  /** The registry's own URL. */
  readonly registry: URL;
  /** Whether plain http and any certificate are taken from it. */
  readonly insecure: boolean;
  /** Nobody asks: no client certificate is shown, and no configured header. @default false */
  readonly stranger?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Token {
  /** What requests carry. */
  readonly value: string;
  /** The members of the answer that hold it. Where both are there they should be the same, says Docker's specification. */
  readonly stated: { readonly token?: string | undefined; readonly accessToken?: string | undefined };
  /** Milliseconds since the epoch, by our own clock. */
  readonly receivedAt: number;
  /** Milliseconds since the epoch, by our own clock, some time before the server forgets it. */
  readonly expiresAt: number;
  /** Seconds, as the server said; 60 when it said nothing. */
  readonly expiresIn: number;
  /** Takes the place of the credential. */
  readonly refreshToken?: string | undefined;
}

export interface TokenHttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly registry: URL;
  readonly insecure: boolean;
  /** @see TokenRequest.stranger */
  readonly stranger?: boolean | undefined;
  /** Statuses that are returned; others are thrown. */
  readonly expect: readonly number[];
  /** Where the credential came from, for the message of a refusal. */
  readonly source?: string | undefined;
  /** Why there is none. */
  readonly problem?: OciError | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How token requests travel. */
export type TokenHttp = (request: TokenHttpRequest) => Promise<{ readonly status: number; readonly bytes: Uint8Array }>;

/**
 * Gets a token: with a POST for identity tokens, else with a GET. Docker token authentication and OAuth2 specifications;
 * demand-and-quirks reference, Q-07 to Q-09.
 *
 * @throws {OciError} `UNAUTHORIZED` or `DENIED` when the token server refuses, `RESPONSE` when its answer has no token
 */
export async function requestToken(request: TokenRequest, http: TokenHttp, now: () => number): Promise<Token> {
  const { credential } = request;
  const identityToken = identityTokenOf(credential);
  if (identityToken !== undefined) {
    const token = await exchangeIdentity(request, identityToken, http, now);
    if (token !== undefined) return token;
  }
  const url = new URL(request.realm);
  for (const scope of request.scopes) url.searchParams.append('scope', scope);
  if (request.service !== undefined) url.searchParams.set('service', request.service);
  const authorization = credential === undefined ? undefined : basicAuthorization(credential);
  const { bytes } = await http({
    method: 'GET',
    url,
    headers: authorization === undefined ? {} : { authorization },
    registry: request.registry,
    insecure: request.insecure,
    stranger: request.stranger,
    expect: [200],
    source: credential?.source,
    problem: request.problem,
    signal: request.signal,
  });
  return readToken(bytes, request, now());
}

/** Azure's tools also keep an identity token as the password of a user who is nobody. Demand-and-quirks reference, Q-09. */
function identityTokenOf(credential: Credential | undefined): string | undefined {
  if (credential?.identityToken !== undefined || credential?.username !== nobody) return credential?.identityToken;
  return credential.password === '' ? undefined : credential.password;
}

const nobody = '00000000-0000-0000-0000-000000000000';

/** `undefined` when the server does not know this way, or refuses and there is a password to try the other way with. */
async function exchangeIdentity(
  request: TokenRequest,
  identityToken: string,
  http: TokenHttp,
  now: () => number,
): Promise<Token | undefined> {
  const { realm, service, scopes, credential, registry, insecure, signal } = request;
  const form = new URLSearchParams({ client_id: clientId, grant_type: 'refresh_token', refresh_token: identityToken });
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  if (service !== undefined) form.set('service', service);
  const canAskOtherwise = credential !== undefined && basicAuthorization(credential) !== undefined;
  const { status, bytes } = await http({
    method: 'POST',
    url: realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
    registry,
    insecure,
    expect: canAskOtherwise ? [200, 400, 401, 404, 405] : [200, 404, 405],
    source: credential?.source,
    signal,
  });
  return status === 200 ? readToken(bytes, request, now()) : undefined;
}

const clientId = 'crane-oci';
const minimumLifetime = 60;
/** The part of a token's life after which a new one is fetched, so that none expires on its way. */
const usableLife = 0.85;

function readToken(bytes: Uint8Array, { realm }: TokenRequest, now: number): Token {
  const document = parseJson(bytes, `The answer of the token server ${realm.host}`, 'RESPONSE');
  const fields =
    typeof document === 'object' && document !== null ? (document as Readonly<Record<string, unknown>>) : {};
  const stated = { token: textOf(fields['token']), accessToken: textOf(fields['access_token']) };
  const value = stated.accessToken ?? stated.token;
  if (value === undefined) throw new OciError('RESPONSE', `The token server ${realm.host} answered without a token`);
  const seconds = Number(fields['expires_in'] ?? minimumLifetime);
  const expiresIn = Number.isFinite(seconds) ? seconds : minimumLifetime;
  const refreshToken = textOf(fields['refresh_token']);
  return {
    value,
    stated,
    expiresIn,
    receivedAt: now,
    expiresAt: now + Math.max(expiresIn, minimumLifetime) * 1000 * usableLife,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  };
}

/** Other characters have no place in the header the token is sent in. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\x20-\x7e]+$/.test(value) ? value : undefined;
}
