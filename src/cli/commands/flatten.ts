import { flatten, flattenedGzipLevel } from '../../ops/flatten.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import { buildTime } from '../editing/build-time.ts';
import { compressionFlags, compressionOf } from '../editing/compression-flags.ts';
import { mergeFlags, mergeLimits, namingFlags } from '../editing/merge-flags.ts';
import { publish } from '../editing/publish.ts';
import { openResultPlace } from '../editing/result-place.ts';
import { images } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { int, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import { parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Make one layer of all layers of an image. Without --tag the result takes the place of the image; an image that is named by digest stays, and the result is added beside it. Of an index all images are flattened, or those for --platform while the others stay as they are. Config, annotations and media types are kept; the history becomes one step, with the former steps in its comment. With SOURCE_DATE_EPOCH or --created the result is the same each time. Layers lie decompressed in temporary files meanwhile, in the directory that TMPDIR names.',
  examples:
    'crane flatten ghcr.io/org/app:v1 -t ghcr.io/org/app:flat\ncrane flatten --squash-from 3 ghcr.io/org/app:v1\nSOURCE_DATE_EPOCH=0 crane flatten oci:layout:v1 -t oci:layout:flat',
  arguments: exactly(1),
  complete: images,
  flags: {
    tag: string({
      shorthand: 't',
      complete: images,
      description: 'Where the result goes; in the place of IMAGE when left out',
    }),
    'squash-from': int({
      description: 'Number of the first layer to flatten, the lowest being 1; layers below it stay with their history',
      initial: 1,
    }),
    created: string({ description: 'Time of the result (default is SOURCE_DATE_EPOCH, else now)', valueName: 'time' }),
    ...compressionFlags(flattenedGzipLevel),
    ...mergeFlags,
    json: writtenJsonFlag,
  },
  async run({ args: [name = ''], flags, context: session }) {
    const compression = compressionOf(flags, flattenedGzipLevel);
    const limits = mergeLimits(flags);
    const created = buildTime(session, flags.created);
    const fromLayer = flags['squash-from'] - 1;
    if (fromLayer < 0) throw new UsageError(`--squash-from counts from 1, but is ${flags['squash-from']}`);
    const location = await step(`parsing ${name}`, async () => parseLocation(name));
    const place = await openResultPlace(session, location, { tag: flags.tag });
    const { platforms, signal, onProgress } = session;
    const flattened = await step(`flattening ${name}`, () =>
      namingFlags(async () => {
        const found = await openLocation(session, location);
        const artifact = place.takesOneImage ? await imageForPlatform(found, session.platform, session) : found;
        return flatten(artifact, {
          ...limits,
          compression,
          created,
          fromLayer,
          program: session.process.program,
          platforms: platforms.length === 0 ? undefined : platforms,
          signal,
          onProgress,
        });
      }),
    );
    await step(`pushing ${place.name}`, () => publish(session, place, session.use(flattened)));
  },
});
