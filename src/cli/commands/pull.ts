import { imagesThenFile } from '../completing/completions.ts';
import { atLeast } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { attachmentFlags, attachmentsOf, concurrencyOf, jobsFlag } from '../copying/flags.ts';
import type { Globals } from '../globals.ts';
import { parseLocation } from '../location.ts';
import { chooseImages, openForPlatform, openLocation } from '../open.ts';
import { type PulledImage, type SaveOptions, withCache } from '../save.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const formats = ['tarball', 'legacy', 'oci'] as const;

type Format = (typeof formats)[number];

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE... PATH',
  description:
    'Pull images into a docker tarball, a tarball in the legacy format, or an OCI layout. Only a layout keeps manifests and therefore digests. From an index, a tarball gets the image for --platform, by default linux/amd64; a layout gets all images. If PATH is -, the tarball goes to standard output. A tarball appears under its name when it is complete.',
  examples:
    'crane pull alpine alpine.tar\ncrane pull --format oci alpine:3.20 ghcr.io/org/app:v1 layout\ncrane pull alpine - | docker load',
  arguments: atLeast(2),
  complete: imagesThenFile,
  flags: {
    format: string({
      initial: 'tarball',
      description: 'Format to write: tarball, legacy or oci',
      complete: () => formats,
    }),
    cache_path: string({ shorthand: 'c', description: 'Directory to cache layers in' }),
    'annotate-ref': bool({ description: 'Name the entries of the layout by the full names of the images' }),
    jobs: jobsFlag,
    ...attachmentFlags,
  },
  async run({ args, flags, context: session }) {
    if (!isFormat(flags.format)) {
      throw new UsageError(
        `unexpected --format: ${JSON.stringify(flags.format)} (valid values are: tarball, legacy, and oci)`,
      );
    }
    const attachments = attachmentsOf(flags);
    if (flags.format !== 'oci' && (attachments.referrers !== undefined || attachments.digestTags === true)) {
      throw new UsageError('a tarball holds images only: --referrers and --digest-tags go with --format oci');
    }
    const path = args.at(-1) ?? '';
    const names = Array.from(new Set(args.slice(0, -1)));
    const concurrency = concurrencyOf(flags.jobs, session);
    // Loaded while the registry answers.
    const [pulled, save] = await Promise.all([
      openAll(session, names, flags.format === 'oci'),
      loadSaver(flags.format),
    ]);
    const cache = flags.cache_path;
    const images = cache === '' ? pulled : pulled.map((image) => withCache(session, image, cache));
    await save({ session, images, path, annotate: flags['annotate-ref'], copy: { ...attachments, concurrency } });
  },
});

async function loadSaver(format: Format): Promise<(options: SaveOptions) => Promise<void>> {
  if (format === 'oci') return (await import('../save-layout.ts')).saveLayout;
  const { saveLegacyTarball, saveTarball } = await import('../save-tarball.ts');
  return format === 'legacy' ? saveLegacyTarball : saveTarball;
}

/** All at once; when one fails, the others have ended before that is told. */
async function openAll(session: Session, names: readonly string[], several: boolean): Promise<readonly PulledImage[]> {
  const opening = names.map((name) => open(session, name, several));
  await Promise.allSettled(opening);
  return Promise.all(opening);
}

async function open(session: Session, text: string, several: boolean): Promise<PulledImage> {
  const location = await step(`parsing reference ${JSON.stringify(text)}`, async () => parseLocation(text));
  return {
    location,
    artifact: await step(`fetching ${JSON.stringify(text)}`, async () =>
      several ? chooseImages(session, await openLocation(session, location)) : openForPlatform(session, location),
    ),
  };
}

function isFormat(text: string): text is Format {
  return (formats as readonly string[]).includes(text);
}
