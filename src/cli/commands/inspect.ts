import { inspectImage } from '../../ops/inspect/inspect-image.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, int } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { noLimits, usualLimits } from '../inspecting/lines.ts';
import { summaryJson } from '../inspecting/summary-json.ts';
import { summaryText } from '../inspecting/summary-text.ts';
import { parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Sum up an image: digest, platforms, size in total and by layer, what containers start with, labels, annotations, base, and the history as steps that read like a Dockerfile. Of an index its platforms are listed, and its image for linux/amd64 is summed up; with --platform the image for that one is. No layer is read: a registry is asked for the manifest, the config, and of an index for the manifest of one image.',
  examples:
    'crane inspect alpine\ncrane inspect --platform linux/arm64 ghcr.io/org/app:v1\ncrane inspect --json ghcr.io/org/app:v1 | jq .image.labels\ncrane inspect --tags --referrers ghcr.io/org/app:v1\ncrane inspect docker-archive:app.tar',
  arguments: exactly(1),
  complete: images,
  flags: {
    json: bool({ description: 'Print everything as one JSON object, long values whole, sizes in bytes' }),
    sizes: bool({ description: 'Also tell the size of each image of an index; costs a request for each' }),
    referrers: bool({
      description:
        'Also list signatures, SBOMs and what else refers to the image; costs one request, two for an index, and the list of tags',
    }),
    tags: bool({
      description:
        'Also list the tags that name the same image; costs the list of tags and a request for each of them (HEAD, sixteen at a time), with Google registries the list only',
    }),
    'max-tags': int({ description: 'Most tags that --tags asks for; with more it asks for none. 0 means 1000' }),
    'no-trunc': bool({ description: 'Print long values and long lists whole' }),
  },
  async run({ args: [image = ''], flags, context: session }) {
    const { json, sizes, referrers, tags, 'max-tags': max, 'no-trunc': whole } = flags;
    if (max < 0) throw new UsageError(`--max-tags cannot be below zero, but is ${max}`);
    if (max > 0 && !tags) throw new UsageError('--max-tags goes with --tags');
    const { platform, signal } = session;
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const artifact = await step(`reading ${JSON.stringify(image)}`, () => openLocation(session, location));
    const found = await step(`inspecting ${JSON.stringify(image)}`, () =>
      inspectImage(artifact, { platform, sizes, referrers, tags: tags && { max: max || undefined }, signal }),
    );
    const summary = { ...found, warnings: found.warnings.map(namingFlag) };
    if (json) return session.print(summaryJson(image, summary));
    await session.print(summaryText(image, summary, whole ? noLimits : usualLimits));
    for (const warning of summary.warnings) session.log.warn(warning);
  },
});

/** The library has no flags. */
function namingFlag(warning: string): string {
  return warning.endsWith(' tags are too many to ask for each') ? `${warning}; --max-tags allows more` : warning;
}
