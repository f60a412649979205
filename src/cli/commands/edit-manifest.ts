import { maxManifestSize } from '../../content/limit.ts';
import { replaceManifest } from '../../ops/edit/replace-manifest.ts';
import { rawManifestOf } from '../../ops/read.ts';
import { withEditedDocument } from '../editing/edit-document.ts';
import { imageToEdit, openForEdit, publishEdited, tagFlag } from '../editing/edit-one.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Edit a manifest or index in $VISUAL or $EDITOR, and write it back. When standard input or output is no terminal, all of standard input is the new manifest, byte for byte. With --platform the manifest of that image is edited, and the index lists the new one. A manifest that is no JSON, or not of the kind its media type says, is refused, and so is one that names what is not there.',
  examples:
    "crane edit manifest registry.example.com/app:v1\ncrane manifest registry.example.com/app:v1 | jq 'del(.annotations)' | crane edit manifest registry.example.com/app:v1 -t registry.example.com/app:bare",
  arguments: exactly(1),
  complete: images,
  flags: {
    tag: tagFlag,
    json: writtenJsonFlag,
    'media-type': string({
      shorthand: 'm',
      description: 'Media type of the new manifest, instead of the one that it states, or that it had',
    }),
  },
  async run({ args: [name = ''], flags: { tag, 'media-type': mediaType }, context: session }) {
    await step('editing manifest', async () => {
      const opened = await openForEdit(session, name, tag);
      const edited = session.platform === undefined ? opened.artifact : await imageToEdit(session, opened);
      const document = {
        what: 'The new manifest',
        fileName: 'manifest.json',
        bytes: await rawManifestOf(edited, session),
        limit: maxManifestSize,
        code: 'INVALID_MANIFEST',
      } as const;
      await withEditedDocument(session, document, async (bytes) => {
        const result = await replaceManifest(edited, bytes, {
          mediaType: mediaType || undefined,
          signal: session.signal,
        });
        await publishEdited(session, opened, edited, result, tag);
      });
    });
  },
});
