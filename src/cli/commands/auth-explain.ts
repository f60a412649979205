import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { isOciError, type OciError } from '../../errors.ts';
import { encodeJson, type JsonValue } from '../../oci/json.ts';
import { formatRepository } from '../../oci/reference.ts';
import type { Credential, CredentialScope, NamedKeychain } from '../../remote/auth/credential.ts';
import { registries } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import { printableLine } from '../printable.ts';
import { parseServerName } from '../server-name.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'HOST[/REPO]',
  description:
    'Show where credentials for a registry, or for one of its repositories, are looked for, in order, which place has some, and why the others have none. Programs and services that give credentials are asked, the registry itself is not, and no secret is shown.',
  examples: 'crane auth explain gcr.io\ncrane auth explain --json ghcr.io/team/app',
  arguments: exactly(1),
  complete: registries,
  flags: { json: bool({ description: 'Print a JSON object with the places in their order' }) },
  async run({ args: [name = ''], flags, globals, context: session }) {
    const scope = await step(`parsing ${JSON.stringify(name)}`, async () => readScope(name));
    const sources = await session.connections.credentialSources(scope.registry);
    const outcomes = await explain(scope, [...givenSource(globals), ...sources], session);
    return session.print(flags.json ? jsonOf(scope, outcomes) : textOf(scope, outcomes));
  },
});

type State = 'used' | 'nothing' | 'missing' | 'failed' | 'not-asked';

/** What came of one place. */
interface Outcome {
  readonly source: string;
  readonly state: State;
  readonly credential?: Credential;
  /** Why there is nothing. */
  readonly reason?: string | undefined;
  readonly hint?: string | undefined;
}

function readScope(name: string): CredentialScope {
  if (!/^[^/]+\/[^/]/.test(name) || /^https?:/i.test(name)) return { registry: parseServerName(name) };
  return parseRepositoryArgument(name);
}

/** Credentials in front of the command's name go before all others. */
function givenSource({ username }: Globals): readonly NamedKeychain[] {
  if (username === '') return [];
  const source = 'the command line';
  return [{ name: source, find: async () => ({ source, username, password: '' }) }];
}

async function explain(
  scope: CredentialScope,
  sources: readonly NamedKeychain[],
  { process: { env }, signal }: Session,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let isFound = false;
  for (const source of sources) {
    const outcome: Outcome = isFound
      ? { source: source.name, state: 'not-asked' }
      : await askOne(source, scope, env, signal);
    isFound ||= outcome.state === 'used';
    outcomes.push(outcome);
  }
  return outcomes;
}

async function askOne(
  { name, find }: NamedKeychain,
  scope: CredentialScope,
  env: Session['process']['env'],
  signal: AbortSignal,
): Promise<Outcome> {
  const missing: OciError[] = [];
  const onMissing = (reason: OciError): void => {
    missing.push(reason);
  };
  try {
    const credential = await find(scope, { signal, onMissing });
    if (credential !== undefined) return { source: name, state: 'used', credential };
    const [why] = missing;
    if (why !== undefined) return { source: name, state: 'missing', reason: why.message, hint: why.hint };
    return { source: name, state: 'nothing', reason: await whyNothing(name, env) };
  } catch (error) {
    // The order does not end here: the registry may be asked without credentials, or with those of another place.
    if (!isOciError(error)) throw error;
    return { source: name, state: 'failed', reason: error.message, hint: error.hint };
  }
}

async function whyNothing(name: string, env: Session['process']['env']): Promise<string> {
  if (name === 'DOCKER_AUTH_CONFIG' && (env[name] ?? '') === '') return 'it is not set';
  const isThere = !isAbsolute(name) || (await exists(name));
  return isThere ? 'it has nothing for this' : 'the file is not there';
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function textOf({ registry, repository }: CredentialScope, outcomes: readonly Outcome[]): string {
  const name = repository === undefined ? registry : formatRepository({ registry, repository });
  const lines = outcomes.map((outcome, i) => `${String(i + 1).padStart(3)}. ${lineOf(outcome)}\n`);
  const used = outcomes.some(({ state }) => state === 'used');
  const end = used ? '' : `There are no credentials: ${registry} is asked without.\n`;
  return `Credentials for ${name} are looked for in\n${lines.join('')}${end}`;
}

function lineOf({ source, state, credential, reason = '', hint }: Outcome): string {
  const words: Readonly<Record<State, string>> = {
    used: `used, ${credential === undefined ? '' : wordsOf(credential)}`,
    nothing: reason,
    missing: reason,
    failed: `failed: ${reason}`,
    'not-asked': 'not asked',
  };
  const help = hint === undefined ? '' : ` (${hint})`;
  return printableLine(`${source}: ${words[state]}${help}`);
}

function wordsOf(credential: Credential): string {
  const { source, username, expiresAt } = credential;
  const kind = { 'identity-token': 'an identity token', 'registry-token': 'a registry token', password: 'a password' };
  const user = username === undefined || username === '' ? '' : ` of user ${JSON.stringify(username)}`;
  const end = expiresAt === undefined ? '' : `, to be renewed ${new Date(expiresAt).toISOString()}`;
  return `${kind[kindOf(credential)]}${user} from ${source}${end}`;
}

function kindOf({ identityToken, registryToken }: Credential): 'identity-token' | 'registry-token' | 'password' {
  if (registryToken !== undefined) return 'registry-token';
  return identityToken === undefined ? 'password' : 'identity-token';
}

function jsonOf({ registry, repository }: CredentialScope, outcomes: readonly Outcome[]): string {
  const sources = outcomes.map(({ source, state, credential, reason, hint }): JsonValue => ({
    name: source,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
    ...(credential === undefined ? {} : { credential: shownCredential(credential) }),
  }));
  const named = { registry, ...(repository === undefined ? {} : { repository }) };
  return `${encodeJson({ ...named, sources }, { indent: '  ' })}\n`;
}

function shownCredential(credential: Credential): JsonValue {
  const { source, username, expiresAt } = credential;
  return {
    source,
    kind: kindOf(credential),
    ...(username === undefined || username === '' ? {} : { username }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
  };
}
