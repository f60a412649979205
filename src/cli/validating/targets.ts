import type { DockerArchive } from '../../archive/docker-archive.ts';
import type { OciArchive } from '../../archive/oci-archive.ts';
import type { LayoutStore } from '../../layout/layout-store.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { ChildFilter } from '../../ops/copy-options.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { ContentSource } from '../../store/store.ts';
import { archiveName } from '../archives.ts';
import { isLocal, type LocalLocation, type Location, parseLocation } from '../location.ts';
import { openLocation, openStore } from '../open.ts';
import { parsePath } from '../open-path.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/** One thing to validate. */
export interface Target {
  /** As the user calls it; of many images in an archive as the user could. */
  readonly name: string;
  /** Reading the image of a docker archive is half of its validation. */
  open(): Promise<Artifact>;
}

/** What is validated of an artifact. */
export interface Chosen {
  readonly artifact: Artifact;
  readonly includeChild?: ChildFilter | undefined;
}

/** What an argument or `--remote` names: a whole index, all that a layout lists, every image of an archive; or one of them. */
export async function openTargets(session: Session, text: string): Promise<readonly Target[]> {
  return targetsIn(session, parseLocation(text));
}

/** What `--tarball` names: an archive of either kind, the directory of a layout, or anything local with a prefix. */
export async function openFileTargets(session: Session, path: string): Promise<readonly Target[]> {
  return targetsIn(session, await parsePath(path));
}

async function targetsIn(session: Session, location: Location): Promise<readonly Target[]> {
  const { text } = location;
  if (!isLocal(location) || isOne(location)) {
    const artifact = await openLocation(session, location);
    return [{ name: text, open: async () => artifact }];
  }
  const open = async (): Promise<readonly Target[]> =>
    archiveTargets(session, await openStore(session, location), location);
  return location.kind === 'archive'
    ? step(`loading ${JSON.stringify(archiveName(location.path))} as tarball`, open)
    : open();
}

/** Whether a location names one image. */
function isOne({ kind, tag, digest }: LocalLocation): boolean {
  return kind === 'docker-daemon' || tag !== undefined || digest !== undefined;
}

/** The part of an artifact that `--platform` chooses: of one platform the image, of several their entries in the index. */
export async function choose(session: Session, artifact: Artifact): Promise<Chosen> {
  const { platforms } = session;
  if (platforms.length === 0 || !isIndexType(artifact.root.mediaType)) return { artifact };
  if (platforms.length === 1) return { artifact: await imageForPlatform(artifact, platforms[0], session) };
  const { childrenForPlatforms } = await import('../../ops/platforms.ts');
  return { artifact, includeChild: await childrenForPlatforms(artifact, platforms, session) };
}

function archiveTargets(
  session: Session,
  store: ContentSource | DockerArchive | OciArchive | LayoutStore,
  location: LocalLocation,
): Promise<readonly Target[]> {
  if ('imageAt' in store) return dockerTargets(session, store, location);
  if ('indexArtifact' in store) return listedTargets(session, store, location.text);
  throw new TypeError(`${location.text} is no local content`);
}

async function dockerTargets(
  session: Session,
  store: DockerArchive,
  { text, path }: LocalLocation,
): Promise<readonly Target[]> {
  const { names } = store;
  // It says that there is none.
  if (names.length === 0) await store.resolveSingle(session);
  return names.map((tags, place) => ({
    name: names.length === 1 ? text : `docker-archive:${path}:${tags[0] ?? `(image ${place + 1}, without a name)`}`,
    open: async () => ({ store, root: await store.imageAt(place, session) }),
  }));
}

/** The only entry, as other commands read it; else `index.json` with everything it lists. */
async function listedTargets(
  session: Session,
  store: OciArchive | LayoutStore,
  name: string,
): Promise<readonly Target[]> {
  const entries = await store.entries(session);
  const isSingle = entries.length === 1;
  const open = async (): Promise<Artifact> =>
    isSingle ? { store, root: await store.resolveSingle(session) } : store.indexArtifact(session);
  return [{ name, open }];
}
