import { storeCredential } from '../../remote/auth/config-file.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { parseServerName } from '../server-name.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: '[OPTIONS] [SERVER]',
  description:
    "Store credentials for a registry in Docker's config.json, or in the credential helper that the file names. They are not checked with the registry.",
  examples: 'crane auth login ghcr.io -u USER --password-stdin < token',
  arguments: exactly(1),
  flags: {
    username: string({ shorthand: 'u', description: 'User name' }),
    password: string({
      shorthand: 'p',
      description: 'Password; prefer --password-stdin, since process lists and shell histories show arguments',
    }),
    'password-stdin': bool({ description: 'Read the password from standard input' }),
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

function warnUnencrypted(session: Session, file: string): void {
  session.log.plain(`
WARNING! Your credentials are stored unencrypted in '${file}'.
Whoever can read the file can use them; a credential helper, named as
"credsStore" in that file, keeps them in the keychain of the system.
`);
}
