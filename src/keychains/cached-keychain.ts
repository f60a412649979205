import { SharedCalls } from '../async/shared-calls.ts';
import { isOciError, lowerFirst, OciError } from '../errors.ts';
import type { Credential, CredentialScope, NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { keepRecent } from '../remote/keep-recent.ts';
import { type CloudEnvironment, nowOf } from './cloud-environment.ts';

export interface Cloud {
  /** For people: `Google Cloud`. */
  readonly name: string;
  /** In the order they are asked. */
  readonly sources: readonly NamedKeychain[];
  /** What answers are the same for: a registry, or all of them. */
  readonly keyOf: (scope: CredentialScope) => string;
}

/**
 * Asks the sources of a cloud, once for whoever wants the same at the same time, and keeps the answer until it expires. The
 * source that had credentials first is the only one that is asked again.
 *
 * @throws {OciError} `CREDENTIALS` when a source failed and no other has credentials
 */
export function cachedKeychain(cloud: Cloud, environment: CloudEnvironment): Keychain {
  const answers = new Map<string, Answer>();
  const calls = new SharedCalls<Answer>();
  const chosen: { source?: NamedKeychain } = {};
  return async (scope, { signal, onMissing } = {}) => {
    const key = cloud.keyOf(scope);
    const known = answers.get(key);
    const isFresh = known !== undefined && nowOf(environment) < known.until;
    const answer = isFresh
      ? known
      : await calls.run(key, (inner) => ask(cloud, scope, { environment, chosen, signal: inner }), signal);
    keepRecent(answers, key, answer, maxAnswers);
    if (answer.failure !== undefined) throw answer.failure;
    if (answer.missing !== undefined) onMissing?.(answer.missing);
    return answer.credential;
  };
}

interface Answer {
  readonly credential?: Credential;
  readonly failure?: OciError;
  readonly missing?: OciError;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface Asking {
  readonly environment: CloudEnvironment;
  readonly chosen: { source?: NamedKeychain };
  readonly signal: AbortSignal;
}

/** As many registries as one process may work with. */
const maxAnswers = 1000;
/** Milliseconds before another try where there were no credentials: some sources take half a minute to find that out. */
const pauseAfterNothing = 60_000;

async function ask(cloud: Cloud, scope: CredentialScope, { environment, chosen, signal }: Asking): Promise<Answer> {
  const reasons: OciError[] = [];
  const onMissing = (reason: OciError): void => {
    reasons.push(reason);
  };
  let failure: OciError | undefined;
  for (const source of chosen.source === undefined ? cloud.sources : [chosen.source]) {
    try {
      const credential = await source.find(scope, { signal, onMissing });
      if (credential === undefined) continue;
      chosen.source = source;
      if (failure !== undefined) environment.onWarning?.(`${failure.message}; going on with ${credential.source}`);
      return { credential, until: credential.expiresAt ?? Infinity };
    } catch (error) {
      if (!isOciError(error, 'CREDENTIALS')) throw error;
      failure ??= error;
    }
  }
  const until = nowOf(environment) + pauseAfterNothing;
  if (failure !== undefined) return { failure, until };
  return reasons.length === 0 ? { until } : { missing: together(cloud, reasons), until };
}

function together({ name }: Cloud, reasons: readonly OciError[]): OciError {
  const why = reasons.map(({ message }) => lowerFirst(message)).join('; ');
  const hints = reasons.flatMap(({ hint }) => hint ?? []);
  return new OciError('CREDENTIALS', `No credentials of ${name} were found: ${why}`, {
    hint: hints.map((hint, i) => (i === 0 ? hint : lowerFirst(hint))).join('; or '),
  });
}
