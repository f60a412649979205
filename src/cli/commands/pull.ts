import { imageForPlatform } from '../../ops/resolve.ts';
import { imagesThenFile } from '../completing/completions.ts';
import { atLeast } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { checkArchivePlace } from '../copying/archive-place.ts';
import { attachmentFlags, attachmentsOf, concurrencyOf, jobsFlag } from '../copying/flags.ts';
import { loadSaver, parsePullPlace, type PullFormat, pullFormats } from '../copying/pull-place.ts';
import type { Globals } from '../globals.ts';
import { artifactJson, jsonFlag, printJson } from '../json-result.ts';
import { type Location, nameWithDigest, parseLocation, withKnownKind } from '../location.ts';
import { chooseImages, openForPlatform, openLocation } from '../open.ts';
import { type PulledImage, withCache } from '../save.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE... PATH',
  description:
    'Pull images into a docker tarball, a tarball in the legacy format, or an OCI layout; or into what the prefix of PATH says: oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME. Only layouts and OCI archives keep manifests and therefore digests. From an index, a tarball gets the image for --platform, by default linux/amd64; a layout gets all images. If PATH is -, the tarball goes to standard output. A tarball appears under its name when it is complete.',
  examples:
    'crane pull alpine alpine.tar\ncrane pull --format oci alpine:3.20 ghcr.io/org/app:v1 layout\ncrane pull alpine:3.20 alpine:3.19 oci-archive:alpine.tar\ncrane pull alpine - | docker load',
  arguments: atLeast(2),
  complete: imagesThenFile,
  flags: {
    format: string({
      initial: 'tarball',
      description: 'Format to write: tarball, legacy or oci',
      complete: () => pullFormats,
    }),
    cache_path: string({ shorthand: 'c', description: 'Directory to cache layers in' }),
    'annotate-ref': bool({
      description: 'Name the entries of the layout by the full names of the images, as those of oci-archive: are',
    }),
    jobs: jobsFlag,
    json: jsonFlag('Print a JSON array with the digests of what was pulled'),
    ...attachmentFlags,
  },
  async run({ args, flags, changed, context: session }) {
    if (!isFormat(flags.format)) {
      throw new UsageError(
        `unexpected --format: ${JSON.stringify(flags.format)} (valid values are: tarball, legacy, and oci)`,
      );
    }
    const attachments = attachmentsOf(flags);
    const names = Array.from(new Set(args.slice(0, -1)));
    const place = parsePullPlace(args.at(-1) ?? '', changed('format') ? flags.format : undefined, names.length);
    const { kind, path, name } = place;
    const isLayout = kind === 'oci' || kind === 'oci-archive';
    if (!isLayout && (attachments.referrers !== undefined || attachments.digestTags === true)) {
      throw new UsageError('a tarball holds images only: --referrers and --digest-tags go with --format oci');
    }
    const locations: Location[] = [];
    for (const text of names) {
      locations.push(await step(`parsing reference ${JSON.stringify(text)}`, async () => parseLocation(text)));
    }
    const concurrency = concurrencyOf(flags.jobs, session);
    if (kind !== 'oci' && kind !== 'engine') await checkArchivePlace(session, path);
    // Loaded while the registry answers.
    const [pulled, save] = await Promise.all([openAll(session, locations, isLayout), loadSaver(place)]);
    const cache = flags.cache_path;
    const images = cache === '' ? pulled : pulled.map((image) => withCache(session, image, cache));
    await save({ session, images, path, name, annotate: flags['annotate-ref'], copy: { ...attachments, concurrency } });
    if (!session.printsJson) return;
    const holdsIndexes = isLayout || kind === 'engine';
    await printJson(session, await Promise.all(images.map((image) => pulledJson(session, image, holdsIndexes))));
  },
});

/** All at once; when one fails, the others have ended before that is told. */
async function openAll(
  session: Session,
  locations: readonly Location[],
  several: boolean,
): Promise<readonly PulledImage[]> {
  const opening = locations.map((location) => open(session, location, several));
  await Promise.allSettled(opening);
  return Promise.all(opening);
}

/** What was pulled, and by which digest it can be had again. */
async function pulledJson(session: Session, { location, artifact }: PulledImage, isWhole: boolean): Promise<object> {
  const { root } = isWhole ? artifact : await imageForPlatform(artifact, session.platform, session);
  return { source: location.text, ...artifactJson(nameWithDigest(location, root.digest), root) };
}

async function open(session: Session, location: Location, several: boolean): Promise<PulledImage> {
  const artifact = await step(`fetching ${JSON.stringify(location.text)}`, async () =>
    several ? chooseImages(session, await openLocation(session, location)) : openForPlatform(session, location),
  );
  return { location: withKnownKind(location, artifact.store), artifact };
}

function isFormat(text: string): text is PullFormat {
  return (pullFormats as readonly string[]).includes(text);
}
