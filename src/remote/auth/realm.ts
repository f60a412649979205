import { OciError, quoted } from '../../errors.ts';
import { isLocal, maySendTo } from '../transport/address.ts';
import { redactUrl } from '../transport/redact.ts';

/**
 * Where tokens are asked for. A challenge comes from the network, and credentials are sent to the place it names, so it is
 * checked: https anywhere; plain http only from a registry that speaks it, to this machine or a private network; an address of a
 * private network only if the registry is in one itself.
 *
 * @param asked the request that was challenged
 * @throws {OciError} `RESPONSE`
 */
export function resolveRealm(realm: string, asked: URL, insecure: boolean): URL {
  let url: URL;
  try {
    url = new URL(realm, asked);
  } catch (cause) {
    throw new OciError('RESPONSE', `${asked.host} names the token server ${quoted(realm)}, which is no URL`, { cause });
  }
  checkRealm(url, asked, insecure);
  return url;
}

/** @throws {OciError} `RESPONSE` */
export function checkRealm(realm: URL, registry: URL, insecure: boolean): void {
  const plain = realm.protocol === 'http:';
  const mayBePlain = plain && registry.protocol === 'http:';
  if (realm.protocol !== 'https:' && !(mayBePlain && (insecure || isLocal(realm)))) {
    throw refused(realm, registry, plain ? 'over plain http' : 'which is not https', mayBePlain);
  }
  if (!insecure && !maySendTo(registry, realm)) throw refused(realm, registry, 'in a private network', true);
}

/**
 * Keeps a token request with a refresh token in its body at one origin. A GET may go on, for its secrets are headers, which
 * stay behind.
 *
 * @throws {OciError} `RESPONSE`
 */
export function keepSecrets(from: URL, to: URL): void {
  if (to.origin === from.origin) return;
  throw new OciError(
    'RESPONSE',
    `The token server ${from.host} redirected a request that holds an identity token to ${to.origin}, which is refused`,
  );
}

function refused(realm: URL, registry: URL, why: string, insecureHelps: boolean): OciError {
  return new OciError(
    'RESPONSE',
    `${registry.host} names the token server ${redactUrl(realm)} ${why}, which is refused`,
    { hint: insecureHelps ? 'Use --insecure if that is meant to be' : undefined },
  );
}
