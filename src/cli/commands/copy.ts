import { OciError } from '../../errors.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, int } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import { openForPlatform } from '../open.ts';
import type { Session } from '../session.ts';
import { sideFlags } from '../side-flags.ts';
import { step } from '../step.ts';
import { openTarget, type Target } from '../target.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'SRC DST',
  description:
    'Copy an image, an index with all of its images, or any other artifact. Manifests are copied byte for byte, so digests stay the same. Blobs that the target has are not sent again; within one registry they are mounted.',
  examples:
    'crane copy alpine:3.20 registry.example.com/base/alpine:3.20\ncrane copy --platform linux/arm64 alpine:3.20 registry.example.com/base/alpine:3.20-arm64\ncrane copy -a ghcr.io/org/app registry.example.com/org/app\ncrane copy ghcr.io/org/app:v1 oci:layout:v1',
  arguments: exactly(2),
  flags: {
    'all-tags': bool({ shorthand: 'a', description: 'Copy all tags of the repository SRC to the repository DST' }),
    'no-clobber': bool({ shorthand: 'n', description: 'Do not overwrite tags that exist at the target' }),
    jobs: int({ shorthand: 'j', description: 'Number of tags and blobs to copy at the same time; 0 means 4' }),
    ...sideFlags,
  },
  async run({ args: [source = '', destination = ''], flags, context: session }) {
    session.configureSides(flags);
    const jobs = flags.jobs > 0 ? flags.jobs : 4;
    if (flags['all-tags']) {
      const { copyAllTags } = await import('../copy-all-tags.ts');
      return copyAllTags(session, source, destination, { jobs, noClobber: flags['no-clobber'] });
    }
    const from = await step(`parsing reference ${JSON.stringify(source)}`, async () => parseLocation(source));
    const to = await step(`parsing reference for ${JSON.stringify(destination)}`, async () =>
      parseLocation(destination),
    );
    const target = await openTarget(session, to);
    if (flags['no-clobber'] && target.tag !== undefined) session.log.line(`Checking existing tag ${destination}`);
    session.log.line(`Copying from ${source} to ${destination}`);
    const artifact = await step(`fetching ${JSON.stringify(source)}`, () => openForPlatform(session, from));
    if (flags['no-clobber'] && (await isTaken(target, artifact.root.digest))) return;
    await step(`copying ${source} to ${destination}`, () => target.write(artifact, { concurrency: jobs }));
  },
});

/** Whether the tag is there already, with the same digest. */
async function isTaken(target: Target, digest: string): Promise<boolean> {
  const current = target.tag === undefined ? undefined : await target.current();
  if (current === undefined) return false;
  if (current.digest === digest) return true;
  throw new OciError('CONFLICT', `refusing to clobber existing tag ${target.name}@${current.digest}`, {
    hint: 'Leave --no-clobber out to let the tag name the new image',
  });
}
