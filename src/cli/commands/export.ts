import { dirname } from 'node:path';
import type { ByteStream } from '../../content/bytes.ts';
import { outputPlace, writeOutputFile } from '../../content/output-file.ts';
import { exportFilesystem } from '../../ops/filesystem/export.ts';
import type { Artifact } from '../../store/artifact.ts';
import { mergeFlags, mergeLimits, namingFlags } from '../editing/merge-flags.ts';
import { imageThenFile } from '../completing/completions.ts';
import { between } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { openImage } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE|- [TARBALL|-]',
  description:
    'Write the file system of an image as a tar archive, to a file or to standard output. If IMAGE is -, a docker or OCI archive is read from standard input. From an index it is the image for --platform, by default linux/amd64. An artifact that is one file and no file system is written as it is. All layers are verified before the first byte is written; a file appears under its name when it is complete, and what fails has no end-of-archive mark. The layers lie decompressed in temporary files meanwhile: beside TARBALL, or for standard output in the directory that TMPDIR names.',
  examples:
    'crane export alpine alpine.tar\ncrane export alpine - | tar -tf -\ncrane export --path etc/os-release debian - | tar -xO\ndocker save app | crane export - app.tar',
  arguments: between(1, 2),
  complete: imageThenFile,
  flags: {
    path: string({
      description: 'Write only this file, or this directory with all below, under its whole name',
      valueName: 'path',
    }),
    ...mergeFlags,
  },
  async run({ args: [name = '', output = '-'], flags, context: session }) {
    const limits = mergeLimits(flags);
    const image = await openImage(session, name);
    const { signal, onProgress } = session;
    const options = { ...limits, path: flags.path === '' ? undefined : flags.path, signal, onProgress };
    const what = name === '-' ? 'the image on standard input' : JSON.stringify(name);
    await step(`exporting ${what}`, () =>
      namingFlags(async () => {
        if (output === '-') await print(session, exportFilesystem(image, options));
        else await writeFile(session, image, output, options);
      }),
    );
  },
});

async function print(session: Session, archive: ByteStream): Promise<void> {
  for await (const chunk of archive) await session.stdout.write(chunk);
}

async function writeFile(
  session: Session,
  image: Artifact,
  output: string,
  options: Parameters<typeof exportFilesystem>[1],
): Promise<void> {
  const { path, isStream } = await outputPlace(output);
  // Where there is room for the result there may be for layers; the usual place is often memory.
  const temporaryDirectory = isStream ? undefined : dirname(path);
  const archive = exportFilesystem(image, { ...options, temporaryDirectory, reusesChunks: true });
  await writeOutputFile(output, archive, { copies: true, signal: session.signal });
}
