import { formatRepository, sameRepository } from '../../oci/reference.ts';
import { rebase, type RebasedArtifact } from '../../ops/rebase/rebase.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { RepositoryAccess } from '../../wire/scope.ts';
import { BaseOpener } from '../editing/find-bases.ts';
import { publish } from '../editing/publish.ts';
import { openResultPlace, type ResultPlace } from '../editing/result-place.ts';
import { images, paths } from '../completing/completions.ts';
import { atMost } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag, printJson, printWritten } from '../json-result.ts';
import { isStandardStream, type Location, parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const flags = {
  old_base: string({
    complete: images,
    description:
      'Base that the image stands on; when left out, what its annotation says, in the repository of its base',
  }),
  new_base: string({ complete: images, description: 'Base to put it on; when left out, what its annotation says' }),
  tag: string({
    shorthand: 't',
    complete: images,
    description: 'Where the result goes; in the place of IMAGE when left out',
  }),
  output: string({
    shorthand: 'o',
    complete: paths,
    description:
      'File to write the result to as a docker tarball, - for standard output, or oci:DIR, oci-archive:FILE, docker-daemon:NAME; no registry is pushed to',
  }),
  'dry-run': bool({ description: 'Change nothing, and print which layers would go, come and stay' }),
  'drop-attestations': bool({
    description: 'Leave out of an index what was attested of images before they got another base; it is kept otherwise',
  }),
  json: jsonFlag(
    'Print a JSON object with reference, digest, media type and size of what was written; with --dry-run the layers that would go, come and stay, image by image',
  ),
  original: string({ complete: images, description: 'IMAGE (deprecated: name it as the argument)' }),
  rebased: string({ complete: images, description: 'The same as --tag (deprecated)' }),
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Put an image on another base: the layers of the new base, then those that the image has above the old one. Which bases, flags say, or the annotations org.opencontainers.image.base.name and base.digest of the image, which are then brought up to date. Of an index all images are put on the image of the new base for their platform, or those for --platform while the others stay as they are. Settings, author, time, annotations and media types stay, and the history is that of the new base and then that of the image. Layers are mounted or copied from where they are.',
  examples:
    'crane rebase ghcr.io/org/app:v1\ncrane rebase --dry-run ghcr.io/org/app:v1\ncrane rebase ghcr.io/org/app:v1 --old_base debian@sha256:… --new_base debian:12 -t ghcr.io/org/app:v1-debian12\ncrane rebase oci:layout:v1 --old_base oci:bases:old --new_base oci:bases:new',
  arguments: atMost(1),
  complete: images,
  flags,
  exclusive: [['tag', 'rebased']],
  async run({ args: [argument], flags: given, context: session, usageLine }) {
    const image = imageOf(argument, given.original, usageLine);
    const location = await step(`parsing ${image}`, async () => parseLocation(image));
    const target = { tag: given.tag === '' ? given.rebased : given.tag, output: given.output };
    const bases = new BaseOpener(session, image, given);
    const place = await openResultPlace(session, location, target);
    bases.openNamed();
    const artifact = await step(`checking ${image}`, () => openSource(session, location, place, target));
    const { platforms, signal } = session;
    const result = await step(`rebasing ${image}`, () =>
      rebase(artifact, (stated) => bases.find(stated), {
        platforms: platforms.length === 0 ? undefined : platforms,
        basePlatform: platforms.length === 1 ? platforms[0] : undefined,
        attestations: given['drop-attestations'] ? 'drop' : 'follow',
        signal,
      }),
    );
    await warnOf(session, artifact, result, given['drop-attestations']);
    if (given['dry-run']) {
      const { formatRebase, rebaseJson } = await import('../editing/rebase-lines.ts');
      const ends = { source: artifact.root, name: place.name };
      return given.json ? printJson(session, rebaseJson(result, ends)) : session.print(formatRebase(result, ends));
    }
    const isInPlace = given.output === '' && place.name === location.text && !isStandardStream(location);
    await put(session, { location, place, isInPlace, artifact, result });
  },
});

interface Target {
  readonly tag: string;
  readonly output: string;
}

function imageOf(argument: string | undefined, original: string, usageLine: () => string): string {
  if (argument !== undefined && original !== '') {
    throw new UsageError('cannot use --original with positional argument');
  }
  const image = argument ?? original;
  if (image === '')
    throw new UsageError('requires at least 1 arg(s), only received 0', { hint: `Usage: ${usageLine()}` });
  return image;
}

async function openSource(
  session: Session,
  location: Location,
  { takesOneImage }: ResultPlace,
  target: Target,
): Promise<Artifact> {
  const artifact = await openLocation(session, location, accessFor(location, target));
  return takesOneImage ? imageForPlatform(artifact, session.platform, session) : artifact;
}

/** What is written to where it was read from needs one token, not two. */
function accessFor(source: Location, { tag, output }: Target): RepositoryAccess {
  if (output !== '' || source.kind !== 'registry') return 'pull';
  const target = tag === '' ? source : parseLocation(tag);
  return target.kind === 'registry' && sameRepository(target.reference, source.reference) ? 'push' : 'pull';
}

async function warnOf(
  session: Session,
  artifact: Artifact,
  result: RebasedArtifact,
  isDropping: boolean,
): Promise<void> {
  for (const { warnings } of result.images) for (const warning of warnings) session.log.warn(warning);
  if (isDropping) return;
  const { attestedImages } = await import('../editing/rebase-lines.ts');
  for (const digest of await attestedImages(artifact, result, session)) {
    session.log.warn(`the attestations of ${digest} were made before it was rebased, and tell of its old base`);
  }
}

interface Outcome {
  readonly location: Location;
  readonly place: ResultPlace;
  readonly isInPlace: boolean;
  readonly artifact: Artifact;
  readonly result: RebasedArtifact;
}

/** What is there already is not written again. */
async function put(session: Session, { location, place, isInPlace, artifact, result }: Outcome): Promise<void> {
  const { digest } = result.root;
  const isSame = digest === artifact.root.digest;
  if (isSame) session.log.line('rebasing was no-op');
  const name = `${repositoryOf(location)}@${digest}`;
  if (isSame && isInPlace) return printWritten(session, { line: name, reference: name, root: result.root });
  const isAdded = isInPlace && location.kind === 'registry' && location.reference.digest !== undefined;
  session.log.line(`pushing rebased image as ${isAdded ? name : place.name}`);
  await step(`pushing ${place.name}`, () => publish(session, place, result));
}

function repositoryOf(location: Location): string {
  return location.kind === 'registry' ? formatRepository(location.reference) : `${location.kind}:${location.path}`;
}
