import { OciError, quoted } from '../../errors.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { type Location, parseLocation } from '../location.ts';
import { openStore } from '../open.ts';
import type { Session } from '../session.ts';
import { canDelete } from '../../store/capabilities.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Delete a tag, or, when IMAGE has a digest, the manifest with all of its tags. Many registries support only one of the two, or neither. Blobs stay until the registry collects garbage.',
  arguments: exactly(1),
  async run({ args: [image = ''], context: session }) {
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const { tag, digest } = location.kind === 'registry' ? location.reference : location;
    await step(`deleting ${image}`, async () => {
      const store = await openStore(session, location, 'delete');
      if (!canDelete(store)) throw undeletable(location);
      if (digest !== undefined) return store.deleteManifest(digest, session);
      return store.deleteTag(tag ?? 'latest', session);
    });
  },
});

function undeletable({ kind, text }: Location): OciError {
  if (kind === 'docker-daemon') {
    return new OciError(
      'UNSUPPORTED',
      `Nothing can be deleted from ${quoted(text)}: engines delete images themselves`,
      {
        hint: 'docker rmi, or podman rmi, deletes an image of an engine',
      },
    );
  }
  return new OciError(
    'UNSUPPORTED',
    `Nothing can be deleted from ${quoted(text)}: an archive is not changed in place`,
    {
      hint: 'Write a new archive with what should stay, for example with crane copy',
    },
  );
}
