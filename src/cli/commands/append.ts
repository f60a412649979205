import type { Compression } from '../../content/compression.ts';
import { OciError, quoted } from '../../errors.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatReference } from '../../oci/reference.ts';
import type { Artifact } from '../../store/artifact.ts';
import { compressionFlags, compressionOf } from '../editing/compression-flags.ts';
import { earlyPush } from '../editing/early-push.ts';
import { directoryFlags } from '../editing/directory-flags.ts';
import { maxBytesFlag } from '../editing/layer-limit.ts';
import { publish } from '../editing/publish.ts';
import { openResultPlace, type ResultPlace } from '../editing/result-place.ts';
import { images, paths } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, type FlagValues, string, strings } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import { type Location, parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const flags = {
  base: string({
    shorthand: 'b',
    complete: images,
    description: 'Image to put the layers on; an empty image when left out',
  }),
  new_tag: string({
    shorthand: 't',
    complete: images,
    description: 'Where the result goes; with --output the name it has there (required)',
  }),
  new_layer: strings({
    shorthand: 'f',
    description: 'Tar archives to add as layers: plain, or compressed with gzip or zstd; - for standard input',
  }),
  output: string({
    shorthand: 'o',
    complete: paths,
    description:
      'File to write the result to as a docker tarball, - for standard output, or oci:DIR, oci-archive:FILE, docker-daemon:NAME; no registry is pushed to',
  }),
  'set-base-image-annotations': bool({
    description: 'Annotate the result with the digest of its base, and with the name when it has a tag',
  }),
  'oci-empty-base': bool({
    description: 'Start from an empty image with OCI media types instead of Docker media types',
  }),
  'all-platforms': bool({
    description: 'Add the layers to each image of an index, and keep the index',
  }),
  ...directoryFlags,
  ...compressionFlags(1),
  created: string({
    description:
      'Time in the history of the new layers, and of the files of --dir: RFC 3339, a date, or seconds since 1970',
  }),
  history: string({ description: 'What the history says of the new layers' }),
  'max-bytes': maxBytesFlag,
  json: writtenJsonFlag,
};

type AppendFlags = FlagValues<typeof flags>;

export const command: Command<Session, Globals> = defineCommand({
  usage: '',
  description:
    'Put layers on top of an image: tar archives, directories and files. Archives that are compressed keep their bytes, plain ones are compressed. From an index one image is taken, that for --platform or linux/amd64; with --all-platforms, with a list as --platform, and where the result takes the place of the index itself, it stays an index.',
  examples:
    'crane append -b alpine -f layer.tar.gz -t ghcr.io/org/app:v1\ntar -c etc | crane append -b ghcr.io/org/app:v1 -f - -t ghcr.io/org/app:v2\ncrane append -b gcr.io/distroless/static --dir bin/app:/usr/local/bin/ --dir conf:/etc/app -t ghcr.io/org/app:v1\ncrane append --oci-empty-base --dir dist --chown 1000 -t app:v1 -o app.tar\ncrane append -b alpine --platform linux/amd64,linux/arm64 -f site.tar -t ghcr.io/org/site:v1',
  arguments: exactly(0),
  flags,
  exclusive: [['oci-empty-base', 'base']],
  async run({ flags: given, context: session, changed }) {
    checkRequired(changed('new_layer') || given.dir.length > 0, changed('new_tag'));
    const { layersToAdd } = await import('../editing/layers-to-add.ts');
    const layersFor = await layersToAdd(session, given, layerCompression(given));
    const base = await baseLocation(given.base);
    const place = await openResultPlace(session, undefined, { tag: given.new_tag, output: given.output });
    const artifact = await openBase(session, base, given);
    const chosen = await chosenFrom(session, artifact, place, given);
    const { appendToImages } = await import('../../ops/edit/append-layers.ts');
    const onBegin = given.output === '' ? earlyPush(session, given.new_tag) : undefined;
    const result = await step(`appending [${[...given.new_layer, ...given.dir].join(' ')}]`, () =>
      appendToImages(chosen.artifact, layersFor(chosen.artifact, onBegin), {
        platforms: chosen.inPlace && session.platforms.length > 0 ? session.platforms : undefined,
        annotateBase: given['set-base-image-annotations'] && base !== undefined ? { name: nameOf(base) } : undefined,
        signal: session.signal,
      }),
    );
    const what = given.output === '' ? `pushing image ${given.new_tag}` : `writing output ${quoted(given.output)}`;
    await step(what, () => publish(session, place, result));
  },
});

/** In crane's words: what there is to add may be archives or directories. */
function checkRequired(hasLayer: boolean, hasTag: boolean): void {
  const missing = [...(hasLayer ? [] : ['"new_layer"']), ...(hasTag ? [] : ['"new_tag"'])];
  if (missing.length > 0) throw new UsageError(`required flag(s) ${missing.join(', ')} not set`);
}

function layerCompression(given: AppendFlags): Compression {
  return compressionOf(given, 1) ?? { kind: 'gzip' };
}

async function baseLocation(text: string): Promise<Location | undefined> {
  if (text === '') return undefined;
  return step(`parsing reference ${quoted(text)}`, async () => parseLocation(text));
}

async function openBase(session: Session, base: Location | undefined, given: AppendFlags): Promise<Artifact> {
  if (base !== undefined) return step(`pulling ${base.text}`, () => openLocation(session, base));
  session.log.line('base unspecified, using empty image');
  const { emptyImage } = await import('../../ops/empty.ts');
  return emptyImage({ format: given['oci-empty-base'] ? 'oci' : 'docker' });
}

/** Only a tag is a name that a newer base could be found under. */
function nameOf(base: Location): string | undefined {
  return base.kind === 'registry' && base.reference.digest === undefined ? formatReference(base.reference) : undefined;
}

interface Chosen {
  readonly artifact: Artifact;
  /** Whether an index is changed where it is: images of other platforms stay in it. */
  readonly inPlace: boolean;
}

async function chosenFrom(
  session: Session,
  artifact: Artifact,
  place: ResultPlace,
  given: AppendFlags,
): Promise<Chosen> {
  const isIndex = isIndexType(artifact.root.mediaType);
  const current = place.takesOneImage ? undefined : await place.current();
  if (isIndex && !place.takesOneImage) {
    if (current?.digest === artifact.root.digest) return { artifact, inPlace: true };
    const { platforms } = session;
    if (given['all-platforms'] && platforms.length === 0) return { artifact, inPlace: false };
    if (given['all-platforms'] || platforms.length > 1) {
      const { trimToPlatforms } = await import('../../ops/platforms.ts');
      return { artifact: await trimToPlatforms(artifact, platforms, session), inPlace: false };
    }
  }
  if (current !== undefined && isIndexType(current.mediaType)) warnOrRefuse(session, place, isIndex);
  const { imageForPlatform } = await import('../../ops/resolve.ts');
  return { artifact: await imageForPlatform(artifact, session.platform, session), inPlace: false };
}

/** One image shall not take the place of an index by mistake. */
function warnOrRefuse(session: Session, place: ResultPlace, isIndex: boolean): void {
  if (isIndex) {
    throw new OciError('CONFLICT', `${quoted(place.name)} is an index, and one image would take its place`, {
      hint: 'Keep an index with --all-platforms or --platform A,B, or choose another tag',
    });
  }
  session.log.warn(`${place.name} is an index, and a single image takes its place`);
}
