import { collect } from '../../content/bytes.ts';
import { encodeJson } from '../../oci/json.ts';
import { registries } from '../completing/completions.ts';
import { atMost } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { SilentFailure } from '../report-error.ts';
import { parseServerName } from '../server-name.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/** A registry's name, with room for whatever a caller of credential helpers sends around it. */
const maxNameSize = 64 * 1024;

export const command: Command<Session, Globals> = defineCommand({
  usage: '[REGISTRY_ADDR]',
  description:
    'Print the credentials for a registry as JSON, in the format of a Docker credential helper. Without an argument, the name of the registry is read from standard input.',
  examples: 'crane auth get ghcr.io\necho https://index.docker.io/v1/ | crane auth get',
  arguments: atMost(1),
  complete: registries,
  async run({ args: [argument], context: session }) {
    const text = argument ?? (await readName(session));
    const registry = await step(`parsing registry ${JSON.stringify(text)}`, async () => parseServerName(text));
    const keychain = await session.connections.keychain();
    const credential = await keychain({ registry }, session);
    if (credential === undefined) {
      await session.print('credentials not found in native keychain\n');
      throw new SilentFailure();
    }
    const { username, password, identityToken, registryToken } = credential;
    const token = identityToken ?? registryToken;
    const shown =
      token === undefined
        ? { Username: username || undefined, Secret: password || undefined }
        : { Username: '<token>', Secret: token };
    await session.print(`${encodeJson(shown)}\n`);
  },
});

async function readName(session: Session): Promise<string> {
  return Buffer.from(
    await collect(session.streams.input('the name of the registry'), maxNameSize, 'The name of the registry'),
  )
    .toString()
    .trim();
}
