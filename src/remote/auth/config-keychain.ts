import { SharedCalls } from '../../async/shared-calls.ts';
import { isOciError, type OciError } from '../../errors.ts';
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
  const helpers = new HelperAnswers(environment);
  return async (scope, { signal } = {}) => {
    signal?.throwIfAborted();
    config ??= read();
    const known = await config;
    return known === undefined ? undefined : findIn(known, scope, { environment, helpers, signal });
  };
}

interface Search {
  readonly environment: CredentialEnvironment;
  readonly helpers: HelperAnswers;
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
        : await search.helpers.ask(config, helper, helperKey ?? entryKey ?? keyOf(scope.registry), search.signal)) ??
      entryOf(config, entryKey, search.environment);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface HelperAnswer {
  readonly credential?: Credential | undefined;
  readonly failure?: OciError;
}

/** What helpers have answered in this process. Each question is put once, also when the answer was a failure: some take half a minute for it. */
class HelperAnswers {
  readonly #environment: CredentialEnvironment;
  readonly #answers = new Map<string, HelperAnswer>();
  readonly #calls = new SharedCalls<HelperAnswer>();

  constructor(environment: CredentialEnvironment) {
    this.#environment = environment;
  }

  /** @throws {OciError} `CREDENTIALS` */
  async ask(
    { source }: AuthConfig,
    name: string,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<Credential | undefined> {
    const question = `${name} ${key}`;
    const { env, run } = this.#environment;
    const helper = { name, file: source, env, run };
    const call = async (inner: AbortSignal): Promise<HelperAnswer> => {
      try {
        return { credential: await getFromHelper(helper, key, inner) };
      } catch (failure) {
        if (!isOciError(failure, 'CREDENTIALS')) throw failure;
        return { failure };
      }
    };
    const answer = this.#answers.get(question) ?? (await this.#calls.run(question, call, signal));
    this.#answers.set(question, answer);
    if (answer.failure !== undefined) throw answer.failure;
    return answer.credential;
  }
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
