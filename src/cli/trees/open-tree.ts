import { OciError, quoted } from '../../errors.ts';
import { parseRegistry, parseRepository, type Repository } from '../../oci/reference.ts';
import type { Side } from '../connections/side-flags.ts';
import { hasLocalPrefix, parseLocation } from '../location.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import type { RegistryTree } from './registry-tree.ts';
import type { ListedTree, Tree } from './tree.ts';

/** Where a tree is, as an argument says it. */
export type TreePlace =
  | { readonly kind: 'registry'; readonly repository: Repository }
  | { readonly kind: 'oci'; readonly directory: string };

/**
 * Reads an argument that has to be a repository of a registry, or the registry itself, with all its repositories below: a host
 * name with a dot or a port, `localhost`, or any with a slash behind it.
 *
 * @throws {OciError} `INVALID_REFERENCE`, `UNSUPPORTED`
 */
export function parseRegistryRoot(text: string): Repository {
  const isRegistry = /^(?:[^/@]+\/|localhost|localhost:\d+|[^/:@]*\.[^/:@]*(?::\d+)?|\[[^/@]*\](?::\d+)?)$/.test(text);
  if (/^[^/:@.]+:\d+$/.test(text) && !isRegistry) {
    throw new OciError('INVALID_REFERENCE', `${quoted(text)} may be an image or a registry`, {
      hint: `Write ${quoted(`${text}/`)} for the registry, or ${quoted(text.split(':')[0] ?? '')} for all images of the repository`,
    });
  }
  if (!isRegistry || hasLocalPrefix(text)) return parseRepositoryArgument(text);
  return { registry: parseRegistry(text.replace(/\/$/, ''), text), repository: '' };
}

/**
 * Reads an argument that has to be a tree: a repository, a registry, or `oci:DIR` for layouts in the directory and below.
 *
 * @throws {OciError} `INVALID_REFERENCE`
 */
export async function parseTreePlace(text: string): Promise<TreePlace> {
  return step(`parsing repo ${JSON.stringify(text)}`, async () => {
    if (!hasLocalPrefix(text)) return { kind: 'registry', repository: parseRegistryRoot(text) };
    const location = parseLocation(text);
    if (location.kind === 'registry') return { kind: 'registry', repository: parseRepository(text) };
    const { kind, path, tag, digest } = location;
    if (kind === 'oci' && tag === undefined && digest === undefined) return { kind, directory: path };
    const why =
      kind === 'oci'
        ? 'names one image, where a directory is meant'
        : 'is neither a repository nor a directory of layouts';
    throw new OciError('INVALID_REFERENCE', `${quoted(text)} ${why}`, {
      hint:
        kind === 'oci'
          ? `Write ${quoted(`oci:${path}`)}`
          : 'With --recursive write REPOSITORY, or oci:DIR for an OCI layout for each repository below DIR',
    });
  });
}

/** Says which registries a copy is about, before anything is sent. */
export function announceTrees(session: Session, source: TreePlace, target: TreePlace): void {
  const { connections } = session;
  if (target.kind === 'registry') connections.writesTo(target.repository.registry);
  if (source.kind === 'registry') connections.asks(source.repository.registry, 'source');
  if (target.kind === 'registry') connections.asks(target.repository.registry, 'destination');
}

export async function openTree(session: Session, place: TreePlace, side: Side): Promise<Tree> {
  if (place.kind === 'oci') {
    const { LayoutTree } = await import('./layout-tree.ts');
    return new LayoutTree(place.directory);
  }
  return openRegistryTree(session, place.repository, side);
}

/** A tree that is only read. */
export async function openListedTree(session: Session, place: TreePlace): Promise<ListedTree> {
  if (place.kind === 'registry') return openRegistryTree(session, place.repository);
  const { LayoutTree } = await import('./layout-tree.ts');
  return new LayoutTree(place.directory);
}

/** A repository and all below it. */
export async function openRegistryTree(
  session: Session,
  root: Repository,
  side: Side = 'source',
): Promise<RegistryTree> {
  const [transport, { RegistryTree }, { repositoryLister }] = await Promise.all([
    session.connections.transport(side),
    import('./registry-tree.ts'),
    import('./repository-lister.ts'),
  ]);
  return new RegistryTree(root, transport, repositoryLister(session));
}
