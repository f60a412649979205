import { rawConfigOf } from '../../ops/read.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { openImage } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Print the config of an image byte for byte, without a final newline. For an index, the image for --platform is used, by default linux/amd64.',
  examples:
    'crane config alpine | jq .config.Cmd\ncrane config --platform linux/arm64 alpine\ncrane config docker-archive:app.tar',
  arguments: exactly(1),
  complete: images,
  async run({ args: [image = ''], context: session }) {
    const bytes = await step('fetching config', async () => rawConfigOf(await openImage(session, image), session));
    await session.print(bytes);
  },
});
