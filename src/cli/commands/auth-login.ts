import { isOciError, OciError } from '../../errors.ts';
import type { RegistryName } from '../../oci/reference.ts';
import { storeCredential } from '../../remote/auth/config-file.ts';
import type { Credential } from '../../remote/auth/credential.ts';
import { registries } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { nothing, bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { parseServerName } from '../server-name.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SERVER',
  description:
    "Ask a registry whether it takes a user name and password, and store them in Docker's config.json, or in the credential helper that the file names. What the registry refuses is not stored.",
  examples: 'crane auth login ghcr.io -u USER --password-stdin < token',
  arguments: exactly(1),
  complete: registries,
  flags: {
    username: string({ complete: nothing, shorthand: 'u', description: 'User name' }),
    password: string({
      complete: nothing,
      shorthand: 'p',
      description: 'Password; prefer --password-stdin, since process lists and shell histories show arguments',
    }),
    'password-stdin': bool({ description: 'Read the password from standard input' }),
    'skip-verify': bool({ description: 'Store the credentials without asking the registry' }),
  },
  async run({ args: [server = ''], flags, globals, context: session }) {
    const registry = await step(`parsing registry ${JSON.stringify(server)}`, async () => parseServerName(server));
    const username = flags.username === '' ? globals.username : flags.username;
    const password = flags['password-stdin']
      ? await session.readPassword()
      : flags.password === ''
        ? await session.password()
        : flags.password;
    if (username === '' || password === '') throw new UsageError('username and password required');
    if (!flags['skip-verify']) await verify(session, registry, { source: 'the command line', username, password });
    const stored = await storeCredential(
      session.connections.credentialEnvironment(),
      registry,
      { username, password },
      session,
    );
    if (stored.helper === undefined && stored.changed) warnUnencrypted(session, stored.file);
    session.log.line(`logged in via ${stored.file}`);
  },
});

/** Ends the command unless the registry takes the credentials or asks for none. */
async function verify(session: Session, registry: RegistryName, credential: Credential): Promise<void> {
  const { checkAccess } = await import('../../remote/authorization.ts');
  try {
    const transport = await session.connections.transportWith(credential, registry);
    const { scheme } = await checkAccess(registry, { transport, signal: session.signal });
    if (scheme !== 'none') return;
    session.log.line(`${registry} asks for no credentials; stored unverified`);
  } catch (error) {
    session.signal.throwIfAborted();
    if (!isOciError(error)) throw error;
    const isRefused = error.name === 'ResponseError' && (error.code === 'UNAUTHORIZED' || error.code === 'DENIED');
    throw new OciError(error.code, `${error.message}; nothing was stored`, {
      cause: error,
      hint: isRefused ? refusedHint : [error.hint ?? [], unaskedHint].flat().join('; '),
    });
  }
}

const refusedHint =
  'Check user name and password; many registries want an access token in place of the password. --skip-verify stores them all the same';
const unaskedHint = '--skip-verify stores the credentials without asking the registry';

function warnUnencrypted(session: Session, file: string): void {
  session.log.plain(`
WARNING! Your credentials are stored unencrypted in '${file}'.
Whoever can read the file can use them; a credential helper, named as
"credsStore" in that file, keeps them in the keychain of the system.
`);
}
