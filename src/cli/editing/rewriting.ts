import { isOciError, OciError } from '../../errors.ts';
import type { MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { RewriteOptions, RewrittenArtifact } from '../../ops/layers/rewrite-images.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import { concurrencyOf, jobsFlag } from '../copying/flags.ts';
import { images, paths } from '../completing/completions.ts';
import { bool, custom, type Flag, type FlagsOf, string } from '../framework/flag.ts';
import { writtenJsonFlag } from '../json-result.ts';
import type { Location } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { publish } from './publish.ts';
import { openResultPlace } from './result-place.ts';

/** Of commands that rewrite an image, or the images of an index. */
export interface RewriteFlags {
  readonly tag: string;
  readonly output: string;
  readonly 'drop-attestations': boolean;
  readonly jobs: number;
  readonly json: boolean;
}

export const rewriteFlags: FlagsOf<RewriteFlags> = {
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
  'drop-attestations': bool({
    description: 'Leave out attestations of images that get another digest, instead of attaching them to the new one',
  }),
  jobs: jobsFlag,
  json: writtenJsonFlag,
};

const families: readonly MediaTypeFamily[] = ['docker', 'oci'];

/** @param description one line, without the choices */
export function familyFlag(description: string, required: boolean): Flag<MediaTypeFamily | undefined> {
  return custom<MediaTypeFamily | undefined>({
    description: `${description}: docker or oci`,
    valueName: 'family',
    initial: undefined,
    required,
    parse: readFamily,
    complete: () => families,
  });
}

/**
 * Opens the source, has it rewritten, and puts the result in its place, or where the flags say. Of an index all images are
 * rewritten, or those for `--platform`; a docker tarball takes one of them only.
 */
export async function rewriteAndPublish(
  session: Session,
  source: Location,
  flags: RewriteFlags,
  rewrite: (artifact: Artifact, options: RewriteOptions) => Promise<RewrittenArtifact>,
): Promise<void> {
  const concurrency = concurrencyOf(flags.jobs, session);
  const place = await openResultPlace(session, source, flags);
  const artifact = await step(`reading ${JSON.stringify(source.text)}`, async () => {
    const opened = await openLocation(session, source);
    return place.takesOneImage ? imageForPlatform(opened, session.platform, session) : opened;
  });
  const { platforms, signal } = session;
  const chosen = place.takesOneImage || platforms.length === 0 ? undefined : platforms;
  const attestations = flags['drop-attestations'] ? 'drop' : 'follow';
  await using result = await rewrite(artifact, { platforms: chosen, attestations, signal });
  await step(`writing ${place.name}`, () => publish(session, place, result, { concurrency }));
}

/** Runs a task of the library and tells, where it cannot be done, which flag or command would help. */
export async function hinting<T>(task: () => Promise<T>, hintFor: (error: OciError) => string | undefined): Promise<T> {
  try {
    return await task();
  } catch (error) {
    const hint = isOciError(error) ? hintFor(error) : undefined;
    if (!isOciError(error) || hint === undefined) throw error;
    throw new OciError(error.code, error.message, { hint, cause: error });
  }
}

function readFamily(text: string): MediaTypeFamily {
  const family = families.find((one) => one === text);
  if (family === undefined) throw new Error(`it has to be one of ${families.join(', ')}`);
  return family;
}
