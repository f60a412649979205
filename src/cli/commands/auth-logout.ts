import { eraseCredential } from '../../remote/auth/config-file.ts';
import { registries } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { parseServerName } from '../server-name.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SERVER',
  description:
    "Remove the credentials for a registry from Docker's config.json and from the credential helper that the file names.",
  arguments: exactly(1),
  complete: registries,
  async run({ args: [server = ''], context: session }) {
    const registry = await step(`parsing registry ${JSON.stringify(server)}`, async () => parseServerName(server));
    const { file, helper, changed } = await eraseCredential(
      session.connections.credentialEnvironment(),
      registry,
      session,
    );
    if (!changed && helper === undefined) session.log.line(`nothing was stored for ${registry}`);
    session.log.line(`logged out via ${file}`);
  },
});
