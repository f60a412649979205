import { writeOutputFile } from '../../content/output-file.ts';
import { isOciError, lowerFirst, OciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatRepository } from '../../oci/reference.ts';
import { pathThenImage } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import { attachmentFlags, attachmentsOf, concurrencyOf, jobsFlag } from '../copying/flags.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag, printWritten } from '../json-result.ts';
import { type Location, nameWithDigest, parseLocation } from '../location.ts';
import { openPath, parsePath } from '../open-path.ts';
import type { Session } from '../session.ts';
import type { Artifact } from '../../store/artifact.ts';
import { step } from '../step.ts';
import { openTarget, type WriteOptions } from '../copying/target.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'PATH IMAGE',
  description:
    'Push a docker archive, an OCI archive, an OCI layout, or an image of a Docker engine (docker-daemon:NAME). Archives may be compressed; - reads one from standard input. Where PATH holds several images, choose one with oci:DIR:TAG, oci-archive:FILE:TAG or docker-archive:FILE:NAME; with --all-tags all of them go to the repository IMAGE, under their tags.',
  examples:
    'crane push image.tar ghcr.io/org/app:v1\ncrane push layout ghcr.io/org/app:v1\ndocker save app | crane push - ghcr.io/org/app:v1\ncrane push oci:layout:v2 ghcr.io/org/app:v2\ncrane push docker-daemon:app:v1 ghcr.io/org/app:v1\ndocker save app | crane push --all-tags - ghcr.io/org/app',
  arguments: exactly(2),
  complete: pathThenImage,
  flags: {
    index: bool({
      description: 'Push the index.json of a layout or an OCI archive as an index, with everything it lists',
    }),
    'all-tags': bool({
      shorthand: 'a',
      description: 'Push all images of PATH that have a tag to the repository IMAGE, as copy --all-tags does',
    }),
    'image-refs': string({ description: 'File to write the name and digest of the pushed image to' }),
    jobs: jobsFlag,
    json: jsonFlag(
      'Print a JSON object with reference, digest, media type and size of what was pushed; with --all-tags an array, as copy does',
    ),
    ...attachmentFlags,
  },
  exclusive: [['all-tags', 'index', 'image-refs']],
  async run({ args: [path = '', image = ''], flags, context: session }) {
    const concurrency = concurrencyOf(flags.jobs, session);
    if (flags['all-tags']) return pushAllTags(session, path, image, { ...attachmentsOf(flags), concurrency });
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const source = await parsePath(path);
    if (flags.index) checkWhole(source);
    const target = await openTarget(session, location, source);
    const artifact = await openSource(session, source, flags.index);
    const { root } = await step(`pushing ${path} to ${image}`, () =>
      target.write(artifact, { ...attachmentsOf(flags), concurrency }),
    );
    const name = nameOf(location, root.digest);
    await writeImageRefs(flags['image-refs'], name);
    await printWritten(session, { line: name, reference: nameWithDigest(location, root.digest), root });
  },
});

function checkWhole(source: Location): void {
  if (source.kind === 'registry' || source.kind === 'docker-daemon') return;
  if (source.tag === undefined && source.digest === undefined) return;
  throw new UsageError(`--index pushes a layout as a whole, and ${JSON.stringify(source.text)} names one image of it`);
}

async function openSource(session: Session, source: Location, wholeIndex: boolean): Promise<Artifact> {
  try {
    return await openPath(session, source, { wholeIndex });
  } catch (error) {
    if (!isOciError(error, 'AMBIGUOUS') || source.kind === 'registry' || source.tag !== undefined) throw error;
    // Docker archives have no index.
    const whole = source.kind === 'oci' || source.kind === 'oci-archive' ? ', --index as one index' : '';
    throw new OciError(error.code, error.message, {
      hint: `${error.hint}; --all-tags pushes them all, under their tags${whole}`,
      cause: error,
    });
  }
}

async function pushAllTags(session: Session, path: string, repository: string, write: WriteOptions): Promise<void> {
  const [{ copyAllTags }, { parseTagPlace }] = await Promise.all([
    import('../copying/all-tags.ts'),
    import('../copying/tag-places.ts'),
  ]);
  const to = await parseTagPlace(repository);
  const from = await parseTagPlace(path, true);
  const everything = { noClobber: false, keepGoing: false, sparse: false, include: [], exclude: [] };
  return copyAllTags(session, [from, to], { ...write, ...everything });
}

function nameOf(location: Location, digest: Digest): string {
  // Most engines know no digests of manifests.
  if (location.kind === 'docker-daemon') return location.text;
  return `${location.kind === 'registry' ? formatRepository(location.reference) : location.path}@${digest}`;
}

async function writeImageRefs(file: string, names: string): Promise<void> {
  if (file === '') return;
  try {
    await writeOutputFile(file, new TextEncoder().encode(names), { mode: 0o600 });
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    const message = `The image was pushed as ${names}, but then: ${lowerFirst(cause.message)}`;
    throw new OciError(cause.code, message, { cause, hint: cause.hint });
  }
}
