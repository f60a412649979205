import type { NamedImage } from '../../archive/docker-archive-plan.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Reference } from '../../oci/reference.ts';
import { CopyPlan } from '../../ops/copy-plan.ts';
import { GraphCopy } from '../../ops/graph-copy.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { LocalLocation } from '../location.ts';
import type { ChosenArtifact } from '../open.ts';
import type { Session } from '../session.ts';
import { archiveSink, checkAbsent } from './archive-place.ts';
import type { Destination } from './destination.ts';
import { withManifests } from './local-destination.ts';
import type { WriteOptions } from './target.ts';

/**
 * A docker archive, written when it is known what goes into it.
 *
 * @param nameOf what an image is called there
 */
export function dockerArchiveDestination(
  session: Session,
  { text, path }: Pick<LocalLocation, 'text' | 'path'>,
  nameOf: (tag: string | undefined) => Reference | string | undefined,
): Destination {
  return {
    name: text,
    existing: undefined,
    checkAbsent: () => checkAbsent(path),
    choose: (artifact, options) => oneImage(session, artifact, options),
    begin(source, { concurrency, ...options }) {
      const plan = new CopyPlan();
      const { signal, onProgress } = session;
      const copy = new GraphCopy(source, plan, { signal, nonDistributable: true, ...options });
      const images: { readonly root: Descriptor; readonly name: NamedImage['name'] }[] = [];
      return {
        async copy(root, tag) {
          images.push({ root, name: nameOf(tag) });
          return copy.copy(root);
        },
        async finish() {
          const { writeDockerArchive } = await import('../../archive/docker-archive-writer.ts');
          const store = await withManifests(source, plan);
          const named = images.map(({ root, name }) => ({ artifact: { store, root }, name }));
          await writeDockerArchive(named, archiveSink(session, path), { concurrency, signal, onProgress });
        },
        abandon: async () => {},
      };
    },
  };
}

/**
 * The image of an artifact that goes into a docker archive.
 *
 * @throws {OciError} `UNSUPPORTED` for what the format has no place for, `NO_MATCHING_PLATFORM`
 */
async function oneImage(session: Session, artifact: ChosenArtifact, options: WriteOptions): Promise<ChosenArtifact> {
  const wanted = [
    options.referrers === undefined || options.referrers === false ? undefined : 'referrers',
    options.digestTags === true ? 'digest tags' : undefined,
    artifact.includeChild === undefined ? undefined : 'a sparse index',
    session.platforms.length > 1 ? 'images for several platforms' : undefined,
  ].find((what) => what !== undefined);
  if (wanted === undefined) return imageForPlatform(artifact, session.platform, session);
  throw new OciError('UNSUPPORTED', `A docker archive cannot hold ${wanted}`, {
    hint: 'Write an OCI archive (oci-archive:FILE) or a layout (oci:DIR)',
  });
}
