import { OciError, quoted } from '../../errors.ts';
import { canListTags, type TagLister } from '../../store/capabilities.ts';
import type { ContentSource } from '../../store/store.ts';
import { type Destination, registryDestination } from './destination.ts';
import { hasLocalPrefix, isLocal, type LocalLocation, parseLocation } from '../location.ts';
import { openStore, parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

/** Where all tags are copied from: a repository of a registry, an OCI layout, an OCI archive. */
export async function openTagSource(session: Session, text: string): Promise<ContentSource & TagLister> {
  const local = await localPlace(text);
  if (local === undefined) return session.repository(await repositoryIn(text));
  const store = await openStore(session, local);
  if (canListTags(store)) return store;
  throw new OciError('UNSUPPORTED', `${quoted(text)} cannot list tags`);
}

/** Where they are copied to. */
export async function openTagDestination(session: Session, text: string): Promise<Destination> {
  const local = await localPlace(text);
  const nameOf = (tag: string): string => `${text}:${tag}`;
  if (local === undefined) return registryDestination(session, await repositoryIn(text), nameOf);
  const { layoutDestination, ociArchiveDestination } = await import('./local-destination.ts');
  if (local.kind === 'oci-archive') return ociArchiveDestination(session, local.path);
  return layoutDestination(session, local.path, nameOf);
}

async function repositoryIn(text: string): Promise<ReturnType<typeof parseRepositoryArgument>> {
  return step(`parsing repo ${JSON.stringify(text)}`, async () => parseRepositoryArgument(text));
}

/** @returns `undefined` for a repository of a registry */
async function localPlace(text: string): Promise<LocalLocation | undefined> {
  if (!hasLocalPrefix(text)) return undefined;
  const location = await step(`parsing repo ${JSON.stringify(text)}`, async () => parseLocation(text));
  if (!isLocal(location)) return undefined;
  if (location.kind === 'docker-archive') {
    throw new OciError(
      'UNSUPPORTED',
      `${quoted(text)}: a docker archive names images in full, it has no tags of one repository`,
      {
        hint: 'Use an OCI archive (oci-archive:FILE) or a layout (oci:DIR), or copy single images',
      },
    );
  }
  if (location.kind === 'docker-daemon') {
    throw new OciError('UNSUPPORTED', `${quoted(text)}: images of a Docker engine are copied one by one`);
  }
  if (location.tag === undefined && location.digest === undefined) return location;
  throw new OciError('INVALID_REFERENCE', `${quoted(text)} names one image, where all are meant`, {
    hint: `Write ${quoted(`${location.kind}:${location.path}`)}`,
  });
}
