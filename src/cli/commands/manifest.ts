import { imageForPlatform } from '../../ops/resolve.ts';
import { rawManifestOf } from '../../ops/read.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { openArtifact } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Print the manifest or index of an image byte for byte, without a final newline. With --platform, print the manifest of the image for that platform.',
  examples: 'crane manifest alpine | jq .\ncrane manifest --platform linux/arm64 alpine\ncrane manifest oci:layout:v1',
  arguments: exactly(1),
  complete: images,
  async run({ args: [image = ''], context: session }) {
    const bytes = await step(`fetching manifest ${image}`, async () => {
      const artifact = await openArtifact(session, image);
      const chosen =
        session.platform === undefined ? artifact : await imageForPlatform(artifact, session.platform, session);
      return rawManifestOf(chosen, session);
    });
    await session.print(bytes);
  },
});
