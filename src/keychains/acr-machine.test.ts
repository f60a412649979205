import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { azureRegistry, end, json, refreshToken, server } from '../../test/support/azure-registry.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import { acrKeychain } from './acr.ts';

const registry = 'team.azurecr.io';

/** The package looks into the environment of the process by itself. */
beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:AZURE|IDENTITY|MSI)_/.test(name)) vi.stubEnv(name, undefined);
  }
});
afterEach(() => vi.unstubAllEnvs());

// The package keeps the kind of managed identity for the life of a process, so this one has a file to itself.
describeWith([cloudPackage('@azure/identity')], 'with the package', () => {
  it('the managed identity of a machine is asked for', async () => {
    const { running, exchange } = await azureRegistry();
    const metadata = await server(() =>
      json({ access_token: 'machine', expires_on: String(end), token_type: 'Bearer' }),
    );
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'ManagedIdentityCredential');
    vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', metadata.origin);
    const environment = { ...(await withPrograms({})), importPackage: undefined, exchange };
    const { credential, failure } = await askFor(acrKeychain(environment), registry);
    expect([failure, credential?.identityToken]).toEqual([undefined, refreshToken]);
    expect(metadata.requests.at(-1)?.headers['metadata']).toBe('true');
    expect(new URLSearchParams(running.requests[0]?.body.toString()).get('access_token')).toBe('machine');
  });
});
