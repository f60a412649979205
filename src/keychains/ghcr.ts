import type { Credential, NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { cloudOf } from '../remote/auth/cloud-hosts.ts';
import { cachedKeychain, type Cloud } from './cached-keychain.ts';
import type { CloudEnvironment } from './cloud-environment.ts';
import { programSource, tokenLine } from './cloud-program.ts';
import { missing } from './failure-words.ts';

/**
 * Credentials for `ghcr.io`: `GITHUB_TOKEN`, else `GH_TOKEN`, with `GITHUB_ACTOR` as user, else those of `gh auth login`.
 * Crane-library reference, section 5.5.
 *
 * @throws {OciError} `CREDENTIALS`
 */
export function ghcrKeychain(environment: CloudEnvironment): Keychain {
  const keychain = cachedKeychain(ghcrCloud(environment), environment);
  return async (scope, options) => (cloudOf(scope.registry) === 'ghcr' ? keychain(scope, options) : undefined);
}

export function ghcrCloud(environment: CloudEnvironment): Cloud {
  return { name: 'GitHub', sources: [variables(environment), gh(environment)], keyOf: () => 'ghcr' };
}

function variables({ env }: CloudEnvironment): NamedKeychain {
  return {
    name: 'GITHUB_TOKEN or GH_TOKEN',
    async find(_, { onMissing } = {}) {
      for (const source of ['GITHUB_TOKEN', 'GH_TOKEN']) {
        const token = env[source]?.trim() ?? '';
        if (token !== '') return githubUser(source, token, env);
      }
      onMissing?.(missing('GITHUB_TOKEN is not set', 'Set GITHUB_TOKEN to a token with the scope read:packages'));
      return undefined;
    },
  };
}

function gh(environment: CloudEnvironment): NamedKeychain {
  return programSource(
    {
      program: 'gh',
      product: 'the GitHub CLI',
      args: () => ['auth', 'token', '--hostname', 'github.com'],
      read: async (stdout) => githubUser('gh', tokenLine(stdout), environment.env),
      loggedOut: /no oauth token|not logged (?:in)?|gh auth login/i,
      login: 'gh auth login --scopes read:packages',
    },
    environment,
  );
}

/** The registry looks at the token only, yet wants a user. */
function githubUser(source: string, password: string, env: CloudEnvironment['env']): Credential {
  return { source, username: env['GITHUB_ACTOR'] || 'unset', password };
}
