import { OciError, quoted } from '../../errors.ts';
import { parseReference, type Reference, type Repository } from '../../oci/reference.ts';
import { canListTags, type TagLister } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { formatLocation, hasLocalPrefix, isLocal, type LocalLocation } from '../location.ts';
import { openStore, parseRepositoryArgument } from '../open.ts';
import { parsePath } from '../open-path.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { checkArchivePlace } from './archive-place.ts';
import { type Destination, registryDestination } from './destination.ts';

/** Where all images are copied from, or to. */
export type TagPlace =
  | { readonly kind: 'registry'; readonly text: string; readonly repository: Repository }
  | (LocalLocation & { readonly named?: Reference | undefined });

/** What lists the images to copy, and what they are called. */
export interface TagSource {
  readonly store: ContentSource & TagLister;
  /** What the names are tags of; `undefined` when they are names in full, or of a layout. */
  readonly repository: string | undefined;
  /** An image as the user would name it. */
  nameOf(this: void, tag: string): string;
}

/** Where they go. */
export interface TagTarget {
  readonly destination: Destination;
  nameOf(this: void, tag: string): string;
}

/**
 * Reads an argument that stands for all images of a repository, a layout or an archive; `docker-archive:FILE:NAME` for those of
 * an archive whose names have that repository.
 *
 * @param isPath whether it is a path when it has no prefix
 * @throws {OciError} `INVALID_REFERENCE` for what names one image, `UNSUPPORTED` for an engine, `NOT_FOUND` for a path
 */
export async function parseTagPlace(text: string, isPath = false): Promise<TagPlace> {
  return step(`parsing repo ${JSON.stringify(text)}`, async () => {
    if (!isPath && !hasLocalPrefix(text)) return repositoryPlace(text);
    const location = await parsePath(text);
    return isLocal(location) ? wholePlace(location) : repositoryPlace(text);
  });
}

/** Opens what is copied from. */
export async function openTagSource(session: Session, place: TagPlace): Promise<TagSource> {
  const { text } = place;
  if (place.kind === 'registry') {
    const store = await session.repository(place.repository);
    return { store, repository: text, nameOf: (tag) => `${text}:${tag}` };
  }
  const store = await openStore(session, place);
  if ('imageAt' in store) return dockerSource(session, store, place);
  if (!canListTags(store)) throw new OciError('UNSUPPORTED', `${quoted(text)} cannot list tags`);
  const name = place.kind === 'archive' ? `oci-archive:${place.path}` : text;
  return { store, repository: undefined, nameOf: (tag) => `${name}:${tag}` };
}

/**
 * Opens what is copied to.
 *
 * @param source gives the names, where the target has none of its own
 * @throws {OciError} `UNSUPPORTED` where the images have no names that the target can take, `FILE_SYSTEM`
 */
export async function openTagTarget(session: Session, place: TagPlace, source: TagSource): Promise<TagTarget> {
  const { kind, text } = place;
  const nameOf = (tag: string): string => `${text}:${tag}`;
  if (kind === 'registry') {
    return { destination: await registryDestination(session, place.repository, nameOf), nameOf };
  }
  const { path } = place;
  if (kind === 'oci') {
    const { layoutDestination } = await import('./local-destination.ts');
    return { destination: await layoutDestination(session, path, nameOf), nameOf };
  }
  await checkArchivePlace(session, path);
  if (kind === 'oci-archive') {
    const { ociArchiveDestination } = await import('./local-destination.ts');
    return { destination: ociArchiveDestination(session, path), nameOf };
  }
  const { dockerArchiveDestination } = await import('./docker-archive-destination.ts');
  const named = nameInArchive(place, source);
  return {
    destination: dockerArchiveDestination(session, place, (tag = '') => named(tag)),
    nameOf: (tag) => formatLocation({ kind: 'docker-archive', path, tag: named(tag) }),
  };
}

function repositoryPlace(text: string): TagPlace {
  return { kind: 'registry', text, repository: parseRepositoryArgument(text) };
}

function wholePlace(location: LocalLocation): TagPlace {
  const { kind, text, path, tag, digest } = location;
  if (kind === 'docker-daemon') {
    throw new OciError('UNSUPPORTED', `${quoted(text)}: images of a Docker engine are copied one by one`, {
      hint: 'Copy each by its name: crane copy IMAGE docker-daemon:NAME:TAG',
    });
  }
  if (tag === undefined && digest === undefined) return location;
  const named =
    kind === 'docker-archive' && digest === undefined && tag !== undefined ? parseReference(tag) : undefined;
  if (named !== undefined && !named.text.endsWith(`:${named.tag}`)) return { ...location, named };
  const repository = named === undefined ? undefined : named.text.slice(0, -`:${named.tag}`.length);
  throw new OciError('INVALID_REFERENCE', `${quoted(text)} names one image, where all are meant`, {
    hint: `Write ${quoted(formatLocation({ kind, path, tag: repository }))}`,
  });
}

async function dockerSource(
  session: Session,
  archive: ContentSource,
  { text, path, named }: TagPlace & LocalLocation,
): Promise<TagSource> {
  const [{ DockerArchive }, { NamedImages }] = await Promise.all([
    import('../../archive/docker-archive.ts'),
    import('./named-images.ts'),
  ]);
  if (!(archive instanceof DockerArchive)) throw new TypeError(`${text} is no docker archive`);
  const store = new NamedImages(archive, named);
  if (store.nameless > 0) {
    session.log.warn(`${text}: images without a name are left out (${store.nameless}), for want of a tag`);
  }
  const { repository } = store;
  return {
    store,
    repository,
    nameOf: (tag) =>
      formatLocation({
        kind: 'docker-archive',
        path,
        tag: repository === undefined ? tag : `${repository}:${tag}`,
      }),
  };
}

/**
 * What a docker archive calls the images of a source: names in full.
 *
 * @throws {OciError} `INVALID_REFERENCE` when neither the source nor the target says of which repository they are
 */
function nameInArchive({ text, path, named }: TagPlace & LocalLocation, source: TagSource): (tag: string) => string {
  const repository = named?.text ?? source.repository;
  return (tag) => {
    if (isFullName(tag) && named === undefined) return tag;
    if (repository !== undefined && !isFullName(tag)) return `${repository}:${tag}`;
    const reason = isFullName(tag)
      ? `images of several repositories cannot all be called ${quoted(repository ?? '')}`
      : 'a docker archive names images in full, and the source has only tags';
    throw new OciError('INVALID_REFERENCE', `${quoted(text)}: ${reason}`, {
      hint: isFullName(tag)
        ? 'Leave the name of the target out, or choose one repository of the source'
        : `Write the name in front of the tags: docker-archive:${path}:NAME`,
    });
  };
}

/** A tag has neither. */
function isFullName(tag: string): boolean {
  return /[/:]/.test(tag);
}
