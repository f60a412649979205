import { OciError } from '../../errors.ts';
import { CopyPlan } from '../../ops/copy-plan.ts';
import { copyGraph } from '../../ops/copy.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import { checkAbsent, layoutDestination, ociArchiveDestination } from './local-destination.ts';
import type { LocalLocation } from '../location.ts';
import type { ChosenArtifact } from '../open.ts';
import type { Session } from '../session.ts';
import { type Target, targetIn, type WriteOptions, wrongDigest } from './target.ts';

/** A layout to add to, or an archive to write. */
export async function openLocalTarget(session: Session, location: LocalLocation): Promise<Target> {
  const { path, tag, digest, text } = location;
  switch (location.kind) {
    case 'oci': {
      const nameOf = (name: string): string => (name === tag ? text : `oci:${path}:${name}`);
      return targetIn(session, await layoutDestination(session, path, nameOf), { text, tag, digest, name: tag });
    }
    case 'oci-archive': {
      const target = targetIn(session, ociArchiveDestination(session, path), { text, tag, digest, name: undefined });
      return { ...target, tag: tag ?? '', current: () => vacant(path) };
    }
    case 'docker-archive':
      return dockerArchiveTarget(session, location);
    case 'docker-daemon': {
      const { openEngineTarget } = await import('../engine/engine-target.ts');
      return openEngineTarget(session, location);
    }
    default:
      return location.kind satisfies never;
  }
}

function dockerArchiveTarget(session: Session, { text, path, tag, digest }: LocalLocation): Target {
  return {
    name: text,
    tag: tag ?? '',
    current: () => vacant(path),
    async write(artifact, options = {}) {
      checkFits(artifact, options, session);
      const { signal, onProgress } = session;
      const image = await imageForPlatform(artifact, session.platform, session);
      if (digest !== undefined && digest !== image.root.digest) throw wrongDigest(text, digest, image.root);
      const summary = await copyGraph(image.store, new CopyPlan(), image.root, { signal, nonDistributable: true });
      if (options.dryRun === true) return summary;
      const { writeDockerArchive } = await import('../../archive/docker-archive-writer.ts');
      const { concurrency } = options;
      await writeDockerArchive([{ artifact: image, name: tag }], path, { concurrency, signal, onProgress });
      return summary;
    },
  };
}

/** @throws {OciError} `CONFLICT` when the file is there */
async function vacant(path: string): Promise<undefined> {
  await checkAbsent(path);
}

/** @throws {OciError} `UNSUPPORTED` for what the format has no place for */
function checkFits({ includeChild }: ChosenArtifact, options: WriteOptions, session: Session): void {
  const wanted = [
    options.referrers === undefined || options.referrers === false ? undefined : 'referrers',
    options.digestTags === true ? 'digest tags' : undefined,
    includeChild === undefined ? undefined : 'a sparse index',
    session.platforms.length > 1 ? 'images for several platforms' : undefined,
  ].find((what) => what !== undefined);
  if (wanted === undefined) return;
  throw new OciError('UNSUPPORTED', `A docker archive cannot hold ${wanted}`, {
    hint: 'Write an OCI archive (oci-archive:FILE) or a layout (oci:DIR)',
  });
}
