import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { azureRegistry, end, json, refreshToken, server } from '../../test/support/azure-registry.ts';
import { cloudPackage } from '../../test/support/cloud-packages.ts';
import { withPrograms } from '../../test/support/fake-program.ts';
import { describeWith } from '../../test/support/requirements.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { acrKeychain } from './acr.ts';
import type { CloudEnvironment } from './cloud-environment.ts';

const registry = 'team.azurecr.io';

/** The package looks into the environment of the process by itself. */
beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:AZURE|IDENTITY|MSI)_/.test(name)) vi.stubEnv(name, undefined);
  }
});
afterEach(() => vi.unstubAllEnvs());

interface AzureIdentity {
  readonly DefaultAzureCredential: new (options: object) => object;
}

/** The package as it is, except that it does not ask Microsoft which authorities there are. */
async function withoutDiscovery(name: string): Promise<object> {
  const { DefaultAzureCredential } = (await import(name)) as AzureIdentity;
  return {
    DefaultAzureCredential: class extends DefaultAzureCredential {
      constructor(options: object) {
        super({ ...options, disableInstanceDiscovery: true });
      }
    },
  };
}

/** Microsoft Entra. */
async function authority(): Promise<Awaited<ReturnType<typeof server>>> {
  const running = await server(({ url, headers }) => {
    const origin = `https://${String(headers.host)}`;
    if (url.pathname.endsWith('/openid-configuration')) {
      const oauth = `${origin}/tenant-1/oauth2/v2.0`;
      return json({
        issuer: `${origin}/tenant-1/v2.0`,
        token_endpoint: `${oauth}/token`,
        authorization_endpoint: `${oauth}/authorize`,
        jwks_uri: `${oauth}/keys`,
      });
    }
    return url.pathname.endsWith('/token')
      ? json({ access_token: 'entra-token', expires_in: 3600, token_type: 'Bearer' })
      : undefined;
  }, true);
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  vi.stubEnv('AZURE_AUTHORITY_HOST', running.origin);
  vi.stubEnv('AZURE_TENANT_ID', 'tenant-1');
  vi.stubEnv('AZURE_CLIENT_ID', 'client-1');
  return running;
}

describeWith([cloudPackage('@azure/identity')], '@azure/identity', () => {
  async function surroundings(env: Readonly<Record<string, string>> = {}): Promise<{
    readonly environment: CloudEnvironment;
    readonly exchanged: () => URLSearchParams;
  }> {
    const { running, exchange } = await azureRegistry();
    const environment = { ...(await withPrograms({}, env)), importPackage: withoutDiscovery, exchange };
    return { environment, exchanged: () => new URLSearchParams(running.requests[0]?.body.toString()) };
  }

  it('logs in with the secret in the environment', async () => {
    const entra = await authority();
    vi.stubEnv('AZURE_CLIENT_SECRET', 'client-secret');
    const { environment, exchanged } = await surroundings({
      AZURE_TENANT_ID: 'tenant-1',
      AZURE_AUTHORITY_HOST: entra.origin,
    });
    const { credential, failure } = await askFor(acrKeychain(environment), registry);
    expect([failure, credential?.identityToken]).toEqual([undefined, refreshToken]);
    const form = new URLSearchParams(entra.requests.at(-1)?.body.toString());
    expect([form.get('client_secret'), form.get('scope')]).toEqual([
      'client-secret',
      expect.stringContaining('https://containerregistry.azure.net/.default'),
    ]);
    expect([exchanged().get('access_token'), exchanged().get('tenant')]).toEqual(['entra-token', 'tenant-1']);
  });

  it('logs in with the federated token of a workload', async () => {
    const entra = await authority();
    const file = join(await testDirectory(), 'token');
    await writeFile(file, 'federated-token');
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'WorkloadIdentityCredential');
    vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', file);
    const { environment, exchanged } = await surroundings({ AZURE_AUTHORITY_HOST: entra.origin });
    const { credential, failure } = await askFor(acrKeychain(environment), registry);
    expect([failure, credential?.source]).toEqual([undefined, '@azure/identity']);
    const form = new URLSearchParams(entra.requests.at(-1)?.body.toString());
    expect(form.get('client_assertion')).toBe('federated-token');
    expect(exchanged().get('access_token')).toBe('entra-token');
  });

  it('asks the managed identity of a service', async () => {
    const identity = await server(() =>
      json({ access_token: 'managed', expires_on: String(end), resource: 'r', token_type: 'Bearer' }),
    );
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'ManagedIdentityCredential');
    vi.stubEnv('IDENTITY_ENDPOINT', `${identity.origin}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'header');
    const { environment, exchanged } = await surroundings();
    const { failure } = await askFor(acrKeychain(environment), registry);
    expect(failure).toBe(undefined);
    expect(identity.requests[0]?.url.searchParams.get('resource')).toBe('https://containerregistry.azure.net');
    expect(exchanged().get('access_token')).toBe('managed');
  });

  it('that gets no answer is given up after the time limit', async () => {
    const silent = await server(() => () => {}, true);
    for (const [name, value] of Object.entries({
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      AZURE_AUTHORITY_HOST: silent.origin,
      AZURE_TENANT_ID: 'tenant-1',
      AZURE_CLIENT_ID: 'client-3',
      AZURE_CLIENT_SECRET: 'client-secret',
    })) {
      vi.stubEnv(name, value);
    }
    const { environment } = await surroundings({ AZURE_AUTHORITY_HOST: silent.origin });
    const { failure } = await askFor(acrKeychain({ ...environment, timeLimit: 300 }), registry);
    expect(failure).toMatchObject({
      code: 'CREDENTIALS',
      message: '@azure/identity failed: it gave no answer within 0.3 seconds',
    });
  });

  it('that finds nothing leaves it to the az program', async () => {
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'EnvironmentCredential');
    const { environment } = await surroundings();
    const { missing, failure } = await askFor(acrKeychain(environment), registry);
    expect(failure).toBe(undefined);
    expect(missing.map(({ message, hint }) => [message, hint])).toEqual([
      [
        'No credentials of Azure were found: @azure/identity found no credentials; the program az is not installed',
        'Run: az login; or install the Azure CLI and run: az login',
      ],
    ]);
  });

  it('that is refused is told without the secret', async () => {
    const entra = await server(({ url, headers, body }) => {
      const origin = `https://${String(headers.host)}/tenant-1`;
      return url.pathname.endsWith('/openid-configuration')
        ? json({
            issuer: `${origin}/v2.0`,
            token_endpoint: `${origin}/token`,
            authorization_endpoint: `${origin}/a`,
            jwks_uri: `${origin}/k`,
          })
        : json({ error: 'invalid_client', error_description: `AADSTS7000215: ${body.toString()}` }, 401);
    }, true);
    for (const [name, value] of Object.entries({
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      AZURE_AUTHORITY_HOST: entra.origin,
      AZURE_TENANT_ID: 'tenant-1',
      AZURE_CLIENT_ID: 'client-2',
      AZURE_CLIENT_SECRET: 'q8Q~0123456789012345678901234567890123456',
    })) {
      vi.stubEnv(name, value);
    }
    const { environment } = await surroundings({ AZURE_AUTHORITY_HOST: entra.origin });
    const { failure } = await askFor(acrKeychain(environment), registry);
    expect(failure?.message).toMatch(/^@azure\/identity failed: /);
    expect(failure?.message).not.toContain('0123456789');
  });
});
