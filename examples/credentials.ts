// Connects with credentials from everywhere: a cluster's pull secrets, what docker and podman have stored, the cloud.
//
//   node scripts/run-typescript.mjs examples/credentials.ts ghcr.io/org/app:v1 /var/run/secrets/pull

import { homedir } from 'node:os';
import { createTransport, defaultKeychain, identifierOf, parseReference, remote, type Transport } from 'crane-oci';
import { cloudKeychain, pullSecretsKeychain } from 'crane-oci/keychains';
import { firstKeychain } from 'crane-oci/remote';

/** The first keychain that has credentials for a repository counts. Each is asked only when a registry wants some. */
export function connectEverywhere(pullSecrets: readonly string[], onWarning: (message: string) => void): Transport {
  const environment = { env: process.env, homedir: homedir(), onWarning };
  const keychain = firstKeychain(
    pullSecretsKeychain(pullSecrets, { onWarning }),
    defaultKeychain(environment),
    cloudKeychain(environment),
  );
  return createTransport({ userAgent: 'example/1.0', keychain });
}

if (import.meta.filename === process.argv[1]) {
  const [name = '', ...pullSecrets] = process.argv.slice(2);
  const transport = connectEverywhere(pullSecrets, console.warn);
  try {
    const reference = parseReference(name);
    const { digest } = await remote(reference, { transport }).resolve(identifierOf(reference));
    console.log(digest);
  } finally {
    transport.close();
  }
}
