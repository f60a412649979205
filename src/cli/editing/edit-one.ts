import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { replaceImage } from '../../ops/edit/replace-image.ts';
import { manifestOf } from '../../ops/read.ts';
import { imageForPlatform, platformOf } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import { string } from '../framework/flag.ts';
import { images } from '../completing/completions.ts';
import { printWritten } from '../json-result.ts';
import { isStandardStream, type Location, parseLocation, nameWithDigest } from '../location.ts';
import { openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { openResultPlace, type ResultPlace } from './result-place.ts';

/** `--tag` as all commands below `edit` have it. */
export const tagFlag: ReturnType<typeof string> = string({
  shorthand: 't',
  complete: images,
  description:
    'Where the result goes, instead of in the place of IMAGE: a reference, oci:DIR:TAG, or an archive, - for standard output',
});

/** What `edit` works on, and where the result goes. */
export interface EditedArtifact {
  readonly location: Location;
  readonly place: ResultPlace;
  readonly artifact: Artifact;
}

/** Opens what a command line names, before anything is asked of anybody. */
export async function openForEdit(session: Session, text: string, tag: string): Promise<EditedArtifact> {
  const location = parseLocation(text);
  const place = await openResultPlace(session, location, { tag });
  return { location, place, artifact: await openLocation(session, location) };
}

/**
 * The one image that is edited: that for `--platform`, or the only one.
 *
 * @throws {OciError} `AMBIGUOUS` for an index of several images when none is chosen; `NO_MATCHING_PLATFORM`
 */
export async function imageToEdit(session: Session, { artifact }: EditedArtifact): Promise<Artifact> {
  const { platform } = session;
  if (!isIndexType(artifact.root.mediaType)) return artifact;
  if (platform !== undefined) return imageForPlatform(artifact, platform, session);
  const manifest = await manifestOf(artifact, session);
  const listed = manifest.kind === 'index' ? manifest.index.manifests : [];
  const images = listed.filter(({ mediaType, platform: its }) => isImageType(mediaType) && its?.os !== 'unknown');
  const [only] = images;
  if (only !== undefined && images.length === 1) return { store: artifact.store, root: only };
  throw severalImages(artifact.root, images);
}

/**
 * Writes what an edit has made, and prints what the result is called. An index stays one, with the new image in the place of the
 * old. Where nothing changed in its own place, nothing is written.
 */
export async function publishEdited(
  session: Session,
  { artifact, place, location }: EditedArtifact,
  image: Artifact,
  edited: Artifact,
  tag: string,
): Promise<void> {
  const result = await replaceImage(artifact, image.root, edited, session);
  const isSame = result.root.digest === artifact.root.digest && result.root.mediaType === artifact.root.mediaType;
  if (isSame) session.log.line(tag === '' ? 'Nothing changed, and nothing is written' : 'Nothing changed');
  const isInPlace = tag === '' || (tag === location.text && !isStandardStream(location));
  const written = place.takesOneImage ? edited : result;
  const printed = isSame && isInPlace ? undefined : await place.write(written);
  await printWritten(session, {
    line: isNamed(location) || tag !== '' ? place.name : (printed ?? location.text),
    reference: printed ?? nameWithDigest(location, written.root.digest),
    root: written.root,
  });
}

function severalImages({ digest }: Descriptor, images: readonly Descriptor[]): OciError {
  const choices = images.map((image) => formatPlatform(platformOf(image)));
  return new OciError('AMBIGUOUS', `Index ${digest} lists ${images.length} images, and one at a time can be edited`, {
    hint: `Choose one with --platform${choices.length === 0 ? '' : `: ${Array.from(new Set(choices)).join(', ')}`}`,
  });
}

/** Whether the place is the same after a change. */
function isNamed(location: Location): boolean {
  return (location.kind === 'registry' ? location.reference.digest : location.digest) === undefined;
}
