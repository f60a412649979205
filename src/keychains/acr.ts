import type { RegistryName } from '../oci/reference.ts';
import type { Credential, CredentialScope, NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { cloudOf } from '../remote/auth/cloud-hosts.ts';
import { exchangeForRefreshToken } from './acr-exchange.ts';
import { cachedKeychain, type Cloud } from './cached-keychain.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { packageSource } from './cloud-package.ts';
import { jsonObject, programSource, tokenMember } from './cloud-program.ts';

/**
 * Credentials for `*.azurecr.io` and its like in the national clouds: a token of Microsoft Entra through the package
 * @azure/identity (environment, workload identity, managed identity, developer tools), else from the `az` program, which the
 * registry exchanges for an identity token of its own. Crane-library reference, section 5.5; demand-and-quirks reference, Q-09.
 *
 * @throws {OciError} `CREDENTIALS`
 */
export function acrKeychain(environment: CloudEnvironment): Keychain {
  const keychain = cachedKeychain(acrCloud(environment), environment);
  return async (scope, options) => (cloudOf(scope.registry) === 'acr' ? keychain(scope, options) : undefined);
}

export function acrCloud(environment: CloudEnvironment): Cloud {
  return {
    name: 'Azure',
    sources: [azureIdentity(environment), az(environment)],
    keyOf: ({ registry }) => registry,
  };
}

/** Members of @azure/identity that are used. */
interface AzureIdentity {
  readonly DefaultAzureCredential: new (options: object) => {
    getToken(scope: string, options: { readonly abortSignal: AbortSignal }): Promise<{ readonly token: string }>;
  };
}

function azureIdentity(environment: CloudEnvironment): NamedKeychain {
  return packageSource<AzureIdentity>(
    {
      name: '@azure/identity',
      async ask({ DefaultAzureCredential }, { scope, signal }) {
        const { resource, authority } = nationalCloudOf(scope.registry);
        const host = environment.env['AZURE_AUTHORITY_HOST'] || authority;
        const credential = new DefaultAzureCredential(host === undefined ? {} : { authorityHost: host });
        const { token } = await credential.getToken(`${resource}/.default`, { abortSignal: signal });
        return identityUser('@azure/identity', scope, { token, tenant: undefined }, environment, signal);
      },
      isNothing: isWithoutLogin,
      hint: 'Run: az login',
    },
    environment,
  );
}

/** Whether each member of Azure's chain said that it has nothing; when one failed, that is another error. */
function isWithoutLogin(error: unknown): boolean {
  return (
    error instanceof Error &&
    ['AggregateAuthenticationError', 'CredentialUnavailableError', 'AuthenticationRequiredError'].includes(error.name)
  );
}

function az(environment: CloudEnvironment): NamedKeychain {
  return programSource(
    {
      program: 'az',
      product: 'the Azure CLI',
      args: ({ registry }) => [
        'account',
        'get-access-token',
        '--scope',
        `${nationalCloudOf(registry).resource}/.default`,
        '--output',
        'json',
      ],
      async read(stdout, scope, signal) {
        const answer = jsonObject(stdout);
        const { tenant } = answer;
        const login = { token: tokenMember(answer, 'accessToken'), tenant: typeof tenant === 'string' ? tenant : '' };
        return identityUser('az', scope, login, environment, signal);
      },
      loggedOut: /az login/,
      login: 'az login',
    },
    environment,
  );
}

interface NationalCloud {
  /** What a token has to be for. */
  readonly resource: string;
  /** Where tokens come from. @default what the package takes by itself */
  readonly authority?: string;
}

/**
 * Azure's own libraries for registries ask in the national clouds for tokens that are for its resource manager, and tell the cloud
 * by the end of the registry's name. In the public cloud a registry may be set not to take those.
 */
function nationalCloudOf(registry: RegistryName): NationalCloud {
  if (registry.endsWith('.cn'))
    return { resource: 'https://management.chinacloudapi.cn', authority: 'https://login.chinacloudapi.cn' };
  if (registry.endsWith('.us'))
    return { resource: 'https://management.usgovcloudapi.net', authority: 'https://login.microsoftonline.us' };
  if (registry.endsWith('.de'))
    return { resource: 'https://management.microsoftazure.de', authority: 'https://login.microsoftonline.de' };
  return { resource: 'https://containerregistry.azure.net' };
}

async function identityUser(
  source: string,
  { registry }: CredentialScope,
  { token, tenant }: { readonly token: string; readonly tenant: string | undefined },
  environment: CloudEnvironment,
  signal: AbortSignal | undefined,
): Promise<Credential> {
  const known = tenant || environment.env['AZURE_TENANT_ID'];
  const login = { accessToken: token, tenant: known || undefined };
  return { source, ...(await exchangeForRefreshToken(registry, login, environment, signal)) };
}
