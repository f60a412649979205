import { maxConfigSize } from '../../content/limit.ts';
import { replaceConfig } from '../../ops/edit/replace-config.ts';
import { rawConfigOf } from '../../ops/read.ts';
import { withEditedDocument } from '../editing/edit-document.ts';
import { imageToEdit, openForEdit, publishEdited, tagFlag } from '../editing/edit-one.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Edit the config of an image in $VISUAL or $EDITOR, and write the image back. When standard input or output is no terminal, all of standard input is the new config, byte for byte. Of an index one image is edited, chosen with --platform where there are several; the others stay, and so does the index. A config that is no JSON, or does not list the layers of the image, is refused.',
  examples:
    'crane edit config registry.example.com/app:v1\ncrane config registry.example.com/app:v1 | jq -c \'.config.User = "app"\' | crane edit config registry.example.com/app:v1 -t registry.example.com/app:v2',
  arguments: exactly(1),
  complete: images,
  flags: { tag: tagFlag, json: writtenJsonFlag },
  async run({ args: [name = ''], flags: { tag }, context: session }) {
    await step('editing config', async () => {
      const opened = await openForEdit(session, name, tag);
      const image = await imageToEdit(session, opened);
      const document = {
        what: 'The new config',
        fileName: 'config.json',
        bytes: await rawConfigOf(image, session),
        limit: maxConfigSize,
        code: 'INVALID_CONFIG',
      } as const;
      await withEditedDocument(session, document, async (bytes) =>
        publishEdited(session, opened, image, await replaceConfig(image, bytes, session), tag),
      );
    });
  },
});
