import { imageNameOf, isStandardStream, type LocalLocation, type Location } from '../location.ts';
import type { Session } from '../session.ts';
import { checkAbsent, checkArchivePlace } from './archive-place.ts';
import { dockerArchiveDestination } from './docker-archive-destination.ts';
import type { Destination } from './destination.ts';
import { layoutDestination, ociArchiveDestination } from './local-destination.ts';
import { type Target, targetIn } from './target.ts';

/** A layout to add to, or an archive to write. */
export async function openLocalTarget(session: Session, location: LocalLocation, source?: Location): Promise<Target> {
  const { kind, path, tag, digest, text } = location;
  switch (kind) {
    case 'oci': {
      const nameOf = (name: string): string => (name === tag ? text : `oci:${path}:${name}`);
      return targetIn(session, await layoutDestination(session, path, nameOf), { text, tag, digest, name: tag });
    }
    case 'oci-archive':
      return archiveTarget(session, location, ociArchiveDestination(session, path));
    case 'docker-archive':
    case 'archive': {
      const name = tag ?? imageNameOf(source);
      return archiveTarget(
        session,
        location,
        dockerArchiveDestination(session, location, () => name),
      );
    }
    case 'docker-daemon': {
      const { openEngineTarget } = await import('../engine/engine-target.ts');
      return openEngineTarget(session, location);
    }
    default:
      return kind satisfies never;
  }
}

/** What is there is not looked into, since it would be replaced. */
async function archiveTarget(session: Session, location: LocalLocation, destination: Destination): Promise<Target> {
  const { text, tag, digest, path } = location;
  await checkArchivePlace(session, path);
  const target = targetIn(session, destination, { text, tag, digest, name: undefined });
  if (isStandardStream(location)) return target;
  return {
    ...target,
    tag: tag ?? '',
    async current() {
      await checkAbsent(path);
      return undefined;
    },
  };
}
