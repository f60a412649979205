import { collect } from '../content/bytes.ts';
import { messageOf } from '../errors.ts';
import type { RegistryName } from '../oci/reference.ts';
import type { Exchange } from '../remote/transport/exchange.ts';
import { type CloudEnvironment, nowOf, timeLimitOf } from './cloud-environment.ts';
import { limited } from './cloud-package.ts';
import { jsonObject, tokenMember } from './cloud-program.ts';
import { failed } from './failure-words.ts';

/** A token of Microsoft Entra and the tenant that gave it, where it is known. */
export interface EntraLogin {
  readonly accessToken: string;
  readonly tenant: string | undefined;
}

export interface RefreshToken {
  readonly identityToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Has one of Azure's registries exchange a token of Microsoft Entra for one of its own, a refresh token. It goes to the
 * registry's own host, over https, and no redirect is followed.
 *
 * @throws {OciError} `CREDENTIALS`
 */
export async function exchangeForRefreshToken(
  registry: RegistryName,
  { accessToken, tenant }: EntraLogin,
  environment: CloudEnvironment,
  signal: AbortSignal | undefined,
): Promise<RefreshToken> {
  const form = new URLSearchParams({ grant_type: 'access_token', service: registry, access_token: accessToken });
  if (tenant !== undefined) form.set('tenant', tenant);
  const who = `The token exchange of ${registry}`;
  const { status, body } = await limited(who, environment, signal, (inner) =>
    post(registry, form, environment, inner),
  ).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw failed(who, messageOf(error));
  });
  if (status !== 200) {
    const hint =
      status === 401 || status === 403 ? 'The login is not known to this registry, or has no rights there' : undefined;
    throw failed(who, `it answered with status ${status}`, hint);
  }
  try {
    const identityToken = tokenMember(jsonObject(body), 'refresh_token');
    return { identityToken, expiresAt: endOf(identityToken) ?? nowOf(environment) + shortLife };
  } catch (error) {
    throw failed(who, messageOf(error).replace('what it printed', 'what it answered'));
  }
}

/** Bytes; tokens take a few KiB. */
const maxAnswer = 256 * 1024;
/** Milliseconds a token is taken to be good for that does not say so itself. */
const shortLife = 30 * 60_000;
/** Milliseconds before its end that a token is not used any more. */
const margin = 5 * 60_000;

async function post(
  registry: RegistryName,
  form: URLSearchParams,
  environment: CloudEnvironment,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const limit = timeLimitOf(environment);
  const { exchange, close } = await exchangeOf(environment);
  try {
    const response = await exchange({
      method: 'POST',
      url: new URL(`https://${registry}/oauth2/exchange`),
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: Buffer.from(form.toString()),
      signal,
      insecure: false,
      timeouts: { connect: limit, response: limit, idle: limit, commit: limit },
    });
    const bytes = await collect(response.body, maxAnswer, 'The answer');
    return { status: response.status, body: Buffer.from(bytes).toString() };
  } finally {
    close();
  }
}

async function exchangeOf({
  exchange,
}: CloudEnvironment): Promise<{ readonly exchange: Exchange; readonly close: () => void }> {
  if (exchange !== undefined) return { exchange: await exchange(), close: () => {} };
  const { nodeHttp } = await import('../remote/transport/node-http.ts');
  const own = nodeHttp();
  return { exchange: own, close: () => own.close?.() };
}

/** The `exp` of a JSON web token, in milliseconds since the epoch; it is only read, the registry checks it. */
function endOf(token: string): number | undefined {
  try {
    const { exp } = jsonObject(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 - margin : undefined;
  } catch {
    return undefined;
  }
}
