import { OciError, quoted } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { identifierOf, parseRepository, type Repository, tryReference } from '../oci/reference.ts';
import type { ChildFilter } from '../ops/copy-options.ts';
import { imageForPlatform, openArtifact as openNamed } from '../ops/resolve.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ContentSource, ContentStore } from '../store/store.ts';
import type { RepositoryAccess } from '../wire/scope.ts';
import { checkThere } from './local-content.ts';
import { hasLocalPrefix, isLocal, type Location, type LocalLocation, parseLocation } from './location.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

/** The artifact that an argument names, whole: an index stays an index. */
export async function openArtifact(session: Session, text: string): Promise<Artifact> {
  return openLocation(
    session,
    await step(`parsing reference ${JSON.stringify(text)}`, async () => parseLocation(text)),
  );
}

/** The image that an argument names; of an index that for `--platform`, by default linux/amd64. */
export async function openImage(session: Session, text: string): Promise<Artifact> {
  const location = await step(`parsing reference ${JSON.stringify(text)}`, async () => parseLocation(text));
  return step(`reading image ${JSON.stringify(text)}`, async () =>
    imageForPlatform(await openLocation(session, location), session.platform, session),
  );
}

/** The artifact whole, or with `--platform` the one image. */
export async function openForPlatform(session: Session, location: Location): Promise<Artifact> {
  const artifact = await openLocation(session, location);
  return session.platform === undefined ? artifact : imageForPlatform(artifact, session.platform, session);
}

/** What is copied of an artifact. `store` is where it was opened: it can list tags and referrers, and be mounted from. */
export interface ChosenArtifact extends Artifact {
  /** Indexes that are not in `store`. */
  readonly manifests?: ReadonlyMap<Digest, Uint8Array> | undefined;
  readonly includeChild?: ChildFilter | undefined;
}

/**
 * The artifact whole, with one `--platform` its one image, with several an index of those.
 *
 * @param sparse the index stays as it is, and only the chosen images of it are meant
 */
export async function chooseImages(session: Session, artifact: Artifact, sparse = false): Promise<ChosenArtifact> {
  const { platforms } = session;
  if (platforms.length === 0) return artifact;
  if (platforms.length === 1 && !sparse) return imageForPlatform(artifact, platforms[0], session);
  const { childrenForPlatforms, trimToPlatforms } = await import('../ops/platforms.ts');
  if (sparse) return { ...artifact, includeChild: await childrenForPlatforms(artifact, platforms, session) };
  const { root, manifests } = await trimToPlatforms(artifact, platforms, session);
  return { root, manifests, store: artifact.store };
}

export async function openLocation(
  session: Session,
  location: Location,
  access: RepositoryAccess = 'pull',
): Promise<Artifact> {
  const store = await openStore(session, location, access);
  if (location.kind === 'registry') return openNamed(store, identifierOf(location.reference), session);
  const name = location.digest ?? location.tag;
  if (name !== undefined) return openNamed(store, name, session);
  if ('resolveSingle' in store) return { store, root: await (store as SingleResolver).resolveSingle(session) };
  throw new OciError('UNSUPPORTED', `${quoted(location.text)} has no tag`);
}

/** Local stores know their only image. */
interface SingleResolver {
  resolveSingle(options: { readonly signal: AbortSignal }): Promise<Artifact['root']>;
}

/** The store that a location is in. Archives can only be read. */
export async function openStore(
  session: Session,
  location: Location,
  access: RepositoryAccess = 'pull',
): Promise<ContentSource | ContentStore> {
  return isLocal(location) ? openLocalStore(session, location) : session.repository(location.reference, access);
}

/**
 * What a flag called `--tarball` names: an archive of either kind, a location with a prefix, or `-`.
 *
 * @param tag which image of it
 * @throws {OciError} `INVALID_REFERENCE` for one that is named twice
 */
export async function openTarball(session: Session, path: string, tag?: string): Promise<Artifact> {
  const location = hasLocalPrefix(path) ? parseLocation(path) : ({ kind: 'archive', text: path, path } as const);
  if (tag === undefined || !isLocal(location)) return openLocation(session, location);
  if (location.tag === undefined && location.digest === undefined) return openLocation(session, { ...location, tag });
  throw new OciError('INVALID_REFERENCE', `${quoted(path)} names an image already, and so does ${quoted(tag)}`, {
    hint: 'Leave one of the two out',
  });
}

/**
 * Reads an argument that has to be a repository of a registry.
 *
 * @throws {OciError} `INVALID_REFERENCE`, saying what to leave out when it names one image; `UNSUPPORTED` for local content
 */
export function parseRepositoryArgument(text: string): Repository {
  if (hasLocalPrefix(text)) {
    throw new OciError('UNSUPPORTED', `${quoted(text)} is local content, where a repository of a registry is meant`, {
      hint: 'Write REGISTRY/REPOSITORY',
    });
  }
  try {
    return parseRepository(text);
  } catch (error) {
    const reference = tryReference(text);
    if (reference === undefined) throw error;
    if (/^(?:localhost|[^/:@]*\.[^/:@]*):\d+$/.test(text)) {
      throw new OciError('INVALID_REFERENCE', `${quoted(text)} names a registry, where a repository is meant`, {
        hint: `Write ${text}/REPOSITORY; "crane catalog ${text}" lists those that there are`,
        cause: error,
      });
    }
    const [named = ''] = text.split('@');
    const bare = reference.tag === undefined ? named : named.slice(0, -`:${reference.tag}`.length);
    throw new OciError(
      'INVALID_REFERENCE',
      `${quoted(text)} names one image, where a repository is meant: it has a tag or digest`,
      {
        hint: `Write ${quoted(bare)}`,
        cause: error,
      },
    );
  }
}

async function openLocalStore(session: Session, { kind, path }: LocalLocation): Promise<ContentSource> {
  switch (kind) {
    case 'oci': {
      await checkThere(path, 'directory');
      const { openLayout } = await import('../layout/layout-store.ts');
      return openLayout(path, session);
    }
    case 'oci-archive':
    case 'docker-archive':
    case 'archive': {
      const { openArchiveAt } = await import('./archives.ts');
      return openArchiveAt(session, kind, path);
    }
    case 'docker-daemon': {
      const { openEngineImage } = await import('./engine/session-engine.ts');
      return openEngineImage(session, path);
    }
    default:
      return kind satisfies never;
  }
}
