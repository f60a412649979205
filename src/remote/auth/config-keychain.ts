import { candidatesOf, keyOf, matchingKey, normalizeKey, readAuthEntry } from './auth-entries.ts';
import type { AuthConfig } from './config-source.ts';
import type { Credential, CredentialScope, Keychain } from './credential.ts';
import { getFromHelper } from './credential-helper.ts';
import type { CredentialEnvironment } from './environment.ts';

/** Credentials of one source, which is read when first asked for. */
export function configKeychain(
  read: () => Promise<AuthConfig | undefined>,
  environment: CredentialEnvironment,
): Keychain {
  let config: Promise<AuthConfig | undefined> | undefined;
  const answers = new Map<string, Credential | undefined>();
  return async (scope, { signal } = {}) => {
    signal?.throwIfAborted();
    config ??= read();
    const known = await config;
    return known === undefined ? undefined : findIn(known, scope, { environment, answers, signal });
  };
}

interface Search {
  readonly environment: CredentialEnvironment;
  /** What helpers have answered in this process. */
  readonly answers: Map<string, Credential | undefined>;
  readonly signal: AbortSignal | undefined;
}

async function findIn(config: AuthConfig, scope: CredentialScope, search: Search): Promise<Credential | undefined> {
  for (const candidate of candidatesOf(scope)) {
    const entryKey = matchingKey(config.auths.keys(), candidate);
    const helperKey = matchingKey(config.credHelpers.keys(), candidate);
    const isHost = candidate === normalizeKey(scope.registry);
    const own = helperKey === undefined ? undefined : config.credHelpers.get(helperKey);
    // The common helper knows registries, and paths only where an empty entry says so.
    const helper = own ?? (isHost || entryKey !== undefined ? config.credsStore : undefined);
    const found =
      (helper === undefined
        ? undefined
        : await askHelper(config, helper, helperKey ?? entryKey ?? keyOf(scope.registry), search)) ??
      entryOf(config, entryKey, search.environment);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function askHelper(
  { source }: AuthConfig,
  name: string,
  key: string,
  { environment: { env, run }, answers, signal }: Search,
): Promise<Credential | undefined> {
  const question = `${name} ${key}`;
  if (answers.has(question)) return answers.get(question);
  const answer = await getFromHelper({ name, file: source, env, run }, key, signal);
  answers.set(question, answer);
  return answer;
}

function entryOf(
  { auths, source }: AuthConfig,
  key: string | undefined,
  { onWarning }: CredentialEnvironment,
): Credential | undefined {
  if (key === undefined) return undefined;
  try {
    return readAuthEntry(auths.get(key), source);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    onWarning?.(`The entry for ${JSON.stringify(key)} in ${source} is skipped: ${error.message}`);
    return undefined;
  }
}
