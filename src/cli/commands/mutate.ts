import { OciError, quoted } from '../../errors.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { sameRepository } from '../../oci/reference.ts';
import type { ImageEdit } from '../../ops/edit/image-edit.ts';
import { mutateImage } from '../../ops/edit/mutate-image.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { RepositoryAccess } from '../../wire/scope.ts';
import { imageFlagGroups, imageFlags } from '../editing/image-flags.ts';
import { imageEditOf } from '../editing/image-flags-edit.ts';
import { layerLimit, maxBytesFlag } from '../editing/layer-limit.ts';
import type { Annotated } from '../editing/mutated-index.ts';
import { publish } from '../editing/publish.ts';
import { openResultPlace, type ResultPlace } from '../editing/result-place.ts';
import { images, paths, repositories } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { custom, type FlagValues, string, strings } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { writtenJsonFlag } from '../json-result.ts';
import { type Location, parseLocation } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const annotated: readonly Annotated[] = ['index', 'images', 'all'];

const flags = {
  ...imageFlags,
  annotate: custom<Annotated | undefined>({
    description:
      'What -a and --unset-annotation change of an index: index, images or all; the index when left out, and with --platform its images',
    valueName: 'string',
    initial: undefined,
    parse: readAnnotated,
    complete: () => annotated,
  }),
  append: strings({
    description: 'Layers to add on top before the config is changed: archives, or - for standard input',
  }),
  'max-bytes': maxBytesFlag,
  tag: string({
    shorthand: 't',
    complete: images,
    description: 'Where the result goes; in the place of IMAGE when left out',
  }),
  repo: string({ complete: repositories, description: 'Repository that gets the result by its digest only' }),
  output: string({
    shorthand: 'o',
    complete: paths,
    description:
      'File to write the result to as a docker tarball, - for standard output, or oci:DIR, oci-archive:FILE, docker-daemon:NAME; no registry is pushed to',
  }),
  json: writtenJsonFlag,
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE',
  description:
    'Change the config and annotations of an image, and what is not named stays as it is. An index is changed image by image and stays an index: all of its images, or with --platform those. An IMAGE by digest stays, and the result is added to its repository.',
  examples:
    'crane mutate -l team=web -a org.opencontainers.image.source=https://example.com/app ghcr.io/org/app:v1\ncrane mutate --entrypoint /bin/app,serve -u 65532 ghcr.io/org/app:v1 -t ghcr.io/org/app:v1-serve\ncrane mutate --unset-env DEBUG --clear-cmd --platform linux/arm64 ghcr.io/org/app:v1\ncrane mutate --healthcheck-cmd "curl -f http://localhost/" --healthcheck-interval 30s oci:layout:v1\ntar -c etc | crane mutate --append - ghcr.io/org/app:v1 -o app.tar',
  arguments: exactly(1),
  complete: images,
  flags,
  exclusive: imageFlagGroups,
  async run({ args: [image = ''], flags: given, context: session }) {
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const edit = imageEditOf(given, session);
    const limit = layerLimit(given['max-bytes']);
    const place = await openResultPlace(session, location, given);
    const artifact = await step(`pulling ${image}`, () => openLocation(session, location, accessFor(location, given)));
    const result = await step(`mutating ${image}`, () =>
      edited(session, artifact, edit, place, { ...given, limit, source: image }),
    );
    const what = given.output === '' ? `pushing image ${place.name}` : `writing output ${quoted(given.output)}`;
    await step(what, () => publish(session, place, result));
  },
});

type MutateFlags = FlagValues<typeof flags>;

/** What is written to where it was read from needs one token, not two. */
function accessFor(source: Location, { tag, repo, output }: MutateFlags): RepositoryAccess {
  if (output !== '' || source.kind !== 'registry') return 'pull';
  const target = parseLocation(tag || repo || source.text);
  return target.kind === 'registry' && sameRepository(target.reference, source.reference) ? 'push' : 'pull';
}

interface LayerSettings {
  /** Most bytes of a layer without compression. */
  readonly limit: number;
  readonly source: string;
}

async function edited(
  session: Session,
  whole: Artifact,
  edit: ImageEdit,
  { takesOneImage, name }: ResultPlace,
  { append, annotate, output, tag, repo, source, limit }: MutateFlags & LayerSettings,
): Promise<Artifact> {
  const artifact = takesOneImage ? await imageForPlatform(whole, session.platform, session) : whole;
  const isIndex = isIndexType(artifact.root.mediaType);
  if (annotate === 'index' && !isIndex) {
    throw new OciError('UNSUPPORTED', `A single image goes to ${quoted(name)}: there is no index to annotate`);
  }
  if (takesOneImage && edit.annotations !== undefined) {
    session.log.warn(`Docker tarballs have no place for annotations: ${name} is written without them`);
  }
  const target = output === '' ? tag || repo || source : undefined;
  const layered = append.length === 0 ? artifact : await addLayers(session, artifact, append, { limit, target });
  if (!isIndex) return mutateImage(layered, edit, session);
  const { mutatedIndex } = await import('../editing/mutated-index.ts');
  return mutatedIndex(session, layered, edit, annotate);
}

async function addLayers(
  session: Session,
  artifact: Artifact,
  files: readonly string[],
  { limit, target }: { readonly limit: number; readonly target: string | undefined },
): Promise<Artifact> {
  const [{ withLayers }, { earlyPush }] = await Promise.all([
    import('../editing/with-layers.ts'),
    import('../editing/early-push.ts'),
  ]);
  const onBegin = target === undefined ? undefined : earlyPush(session, target);
  return withLayers(session, artifact, files, { limit, onBegin });
}

function readAnnotated(text: string): Annotated {
  const found = annotated.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Error(`it has to be one of ${annotated.join(', ')}`);
}
