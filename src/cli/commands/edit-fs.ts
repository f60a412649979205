import { readFileStream } from '../../content/file.ts';
import { OciError, quoted } from '../../errors.ts';
import { type FilePlace, findFile } from '../../ops/edit-file/find-file.ts';
import { removeFile, setFile, type SetFileOptions } from '../../ops/edit-file/set-file.ts';
import type { ByteSource } from '../../content/bytes.ts';
import type { Artifact } from '../../store/artifact.ts';
import { statedTime } from '../editing/build-time.ts';
import { type EditedArtifact, imageToEdit, openForEdit, publishEdited, tagFlag } from '../editing/edit-one.ts';
import { isInteractive, withEditor } from '../editing/editor.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/** Editors hold what they edit in memory. */
const maxEditorSize = 64 * 1024 * 1024;

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Edit one file of an image in $VISUAL or $EDITOR, and write the image back with the file as a new layer. When standard input or output is no terminal, all of standard input is the new content. A file that is there keeps mode, owner, times and extended attributes; a new one is readable and executable by all and belongs to root. A symbolic link is followed. Of an index one image is edited, chosen with --platform where there are several; the others stay, and so does the index.',
  examples:
    'crane edit fs registry.example.com/app:v1 -f /etc/app.conf\ncrane edit fs registry.example.com/app:v1 -f /etc/motd -t registry.example.com/app:v2 < motd\ncrane edit fs registry.example.com/app:v1 -f /var/cache --delete',
  arguments: exactly(1),
  complete: images,
  flags: {
    filename: string({ shorthand: 'f', description: 'The file, by its path in the image (required)' }),
    tag: tagFlag,
    json: writtenJsonFlag,
    delete: bool({ description: 'Remove the file, or a directory with all that is in it, in place of editing it' }),
  },
  async run({ args: [name = ''], flags: { filename, tag, delete: remove }, context: session }) {
    if (filename === '') throw new UsageError('required flag(s) "filename" not set');
    const created = statedTime(session, '');
    const history = {
      author: 'crane',
      created: created?.toISOString(),
      createdBy: `${session.process.program} edit fs --filename ${filename}${remove ? ' --delete' : ''}`,
    };
    const { signal, onProgress } = session;
    const options = { signal, onProgress, history, mtime: created };
    await step('editing file', async () => {
      const opened = await openForEdit(session, name, tag);
      const image = await imageToEdit(session, opened);
      if (remove) {
        await using result = await removeFile(image, filename, options);
        await publishEdited(session, opened, image, result, tag);
        return;
      }
      await using place = await findFile(image, filename, options);
      await edit(session, { opened, image, place, tag, options });
    });
  },
});

interface FileEdit {
  readonly opened: EditedArtifact;
  readonly image: Artifact;
  readonly place: FilePlace;
  readonly tag: string;
  readonly options: SetFileOptions;
}

async function edit(session: Session, { opened, image, place, tag, options }: FileEdit): Promise<void> {
  async function write(content: ByteSource): Promise<void> {
    await using result = await setFile(image, place, content, options);
    await publishEdited(session, opened, image, result, tag);
  }
  if (!isInteractive(session)) return write(session.streams.input('the new content'));
  const { path, file } = place;
  if ((file?.content.size ?? 0) > maxEditorSize) {
    throw new OciError('LIMIT_EXCEEDED', `${quoted(path)} is too large for an editor: ${file?.content.size} bytes`, {
      hint: 'Pipe the new content in',
    });
  }
  const content = (await file?.content.open({ signal: session.signal })) ?? new Uint8Array(0);
  await withEditor(session, { name: path.slice(path.lastIndexOf('/') + 1), content }, async (edited) =>
    write(await readFileStream(edited, { signal: session.signal })),
  );
}
