import { homedir } from 'node:os';
import { createTransport, defaultKeychain, type Transport } from 'crane-oci';

/** What a process needs once: connections, retries, tokens, and the credentials that docker and podman have stored. */
export function connect(): Transport {
  const keychain = defaultKeychain({ env: process.env, homedir: homedir() });
  return createTransport({ userAgent: 'example/1.0', keychain });
}
