import { tagged } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { openTags } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO',
  description: 'List the tags of a repository, one per line, in the order in which the registry returns them.',
  arguments: exactly(1),
  complete: tagged,
  flags: {
    'full-ref': bool({ description: 'Print the full name of each image, not only the tag' }),
    'omit-digest-tags': bool({
      shorthand: 'O',
      description: 'Leave out tags made from digests (sha256-…), as signatures have',
    }),
  },
  async run({ args: [name = ''], flags, context: session }) {
    const { lister, prefix } = await step(`reading tags for ${name}`, () => openTags(session, name));
    await step(`reading tags for ${name}`, async () => {
      for await (const page of lister.tags({ signal: session.signal })) {
        const shown = flags['omit-digest-tags'] ? page.filter((tag) => !tag.startsWith('sha256-')) : page;
        await session.print(shown.map((tag) => `${flags['full-ref'] ? prefix : ''}${tag}\n`).join(''));
      }
    });
  },
});
