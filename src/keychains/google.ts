import { join } from 'node:path';
import type { NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { cloudOf } from '../remote/auth/cloud-hosts.ts';
import { cachedKeychain, type Cloud } from './cached-keychain.ts';
import { type CloudEnvironment, nowOf, timeLimitOf } from './cloud-environment.ts';
import { packageSource } from './cloud-package.ts';
import { jsonObject, programSource, tokenMember } from './cloud-program.ts';
import { type GoogleMetadata, hasMetadataServer } from './metadata-server.ts';

/**
 * Credentials for `gcr.io`, `*.gcr.io`, `*.pkg.dev` and `*.google.com`: application default credentials through the package
 * google-auth-library (the file of `GOOGLE_APPLICATION_CREDENTIALS`, that of `gcloud auth application-default login`, the
 * metadata server), else those of `gcloud`. Crane-library reference, section 5.5.
 *
 * @throws {OciError} `CREDENTIALS`
 */
export function googleKeychain(environment: CloudEnvironment): Keychain {
  const keychain = cachedKeychain(googleCloud(environment), environment);
  return async (scope, options) => (cloudOf(scope.registry) === 'google' ? keychain(scope, options) : undefined);
}

/** One token serves all registries of Google. */
export function googleCloud(environment: CloudEnvironment): Cloud {
  return {
    name: 'Google Cloud',
    sources: [defaultCredentials(environment), gcloud(environment)],
    keyOf: () => 'google',
  };
}

interface GoogleClient {
  getAccessToken(): Promise<{
    readonly token?: string | null;
    readonly res?: { readonly data?: { readonly expires_in?: unknown } } | null;
  }>;
  readonly credentials?: { readonly expiry_date?: number | null };
}

/** Members of google-auth-library that are used. */
interface GoogleAuthLibrary extends GoogleMetadata {
  readonly GoogleAuth: new (options: object) => {
    getClient(): Promise<GoogleClient>;
  };
}

function defaultCredentials(environment: CloudEnvironment): NamedKeychain {
  return packageSource<GoogleAuthLibrary>(
    {
      name: 'google-auth-library',
      async ask({ GoogleAuth, gcpMetadata }, { signal }) {
        const keyFilename = await credentialsFile(environment);
        if (keyFilename === undefined && !(await hasMetadataServer({ gcpMetadata }, environment, signal))) {
          throw new Error(nothingFound);
        }
        const auth = new GoogleAuth({
          scopes: ['https://www.googleapis.com/auth/cloud-platform'],
          ...(keyFilename === undefined ? {} : { keyFilename }),
          clientOptions: { transporterOptions: { timeout: timeLimitOf(environment) } },
        });
        const client = await auth.getClient();
        const { token, res } = await client.getAccessToken();
        if (typeof token !== 'string' || token === '') throw new Error('it gave no token');
        const source = `application default credentials${keyFilename === undefined ? '' : ` (${keyFilename})`}`;
        return { source, ...tokenUser(token, expiryOf(client, res?.data?.expires_in, environment), environment) };
      },
      isNothing: (error) => error instanceof Error && error.message.startsWith(nothingFound),
      hint: 'Run: gcloud auth application-default login',
    },
    environment,
  );
}

/** How the package begins to say it. */
const nothingFound = 'Could not load the default credentials';

/** Clients of workload identities keep it for themselves: it has to be read off the answer. */
function expiryOf({ credentials }: GoogleClient, seconds: unknown, environment: CloudEnvironment): number | undefined {
  return credentials?.expiry_date ?? (typeof seconds === 'number' ? nowOf(environment) + seconds * 1000 : undefined);
}

/** What the package would look for itself, in the environment that was given and not in that of the process. */
async function credentialsFile({ env, homedir, platform }: CloudEnvironment): Promise<string | undefined> {
  const named = env['GOOGLE_APPLICATION_CREDENTIALS'];
  if (named !== undefined && named !== '') return named;
  const settings =
    env['CLOUDSDK_CONFIG'] ||
    (platform === 'win32' ? join(env['APPDATA'] ?? homedir, 'gcloud') : join(homedir, '.config', 'gcloud'));
  const wellKnown = join(settings, 'application_default_credentials.json');
  const { access } = await import('node:fs/promises');
  return access(wellKnown).then(
    () => wellKnown,
    () => undefined,
  );
}

function gcloud(environment: CloudEnvironment): NamedKeychain {
  return programSource(
    {
      program: 'gcloud',
      product: 'the Google Cloud CLI',
      args: () => ['config', 'config-helper', '--force-auth-refresh', '--format=json(credential)'],
      async read(stdout) {
        const { credential } = jsonObject(stdout);
        if (typeof credential !== 'object' || credential === null) throw new TypeError('its answer has no credential');
        const fields = credential as Readonly<Record<string, unknown>>;
        const expiry = Date.parse(String(fields['token_expiry']));
        return { source: 'gcloud', ...tokenUser(tokenMember(fields, 'access_token'), expiry, environment) };
      },
      loggedOut: /active account selected|gcloud auth login/,
      login: 'gcloud auth login',
    },
    environment,
  );
}

/** Milliseconds a token is taken to be good for that comes without a time. */
const shortLife = 5 * 60_000;
/** Milliseconds before its end that a token is not used any more. */
const margin = 30_000;

function tokenUser(
  token: string,
  expiry: number | undefined,
  environment: CloudEnvironment,
): { readonly username: string; readonly password: string; readonly expiresAt: number } {
  const known = expiry !== undefined && Number.isFinite(expiry) ? expiry - margin : nowOf(environment) + shortLife;
  return { username: '_token', password: token, expiresAt: known };
}
