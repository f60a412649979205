import { mapLimited } from '../../async/map-limited.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { DescriptorDocument } from '../../oci/document/manifest-document.ts';
import { indexDocument } from '../../oci/document/manifest-document.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import { JoinedSource } from '../../store/joined-source.ts';
import { editedMap } from './collections.ts';
import {
  artifactOf,
  contentOf,
  type EditOptions,
  encodeEdited,
  openIndexDocument,
  redescribeRoot,
} from './documents.ts';
import type { MapEdit } from './image-edit.ts';
import { type EntryEdit, readEntry } from './index-entry.ts';
import { type AddedEntry, withAdded } from './index-listing.ts';

/** An image to be listed in an index, or an index whose images are. */
export interface IndexAddition extends EntryEdit {
  readonly artifact: Artifact;
  /** Whether an index gives its entries; it is listed itself otherwise. @default true, as with crane */
  readonly flatten?: boolean | undefined;
}

export interface AppendToIndexOptions extends EditOptions {
  /** Annotations of the index. */
  readonly annotations?: MapEdit | undefined;
}

/** Manifests and configs are small, and asking takes longer than moving. */
const readers = 8;

/**
 * An index with more entries, behind those it has. What is listed already is not listed again: an image for the same
 * platform, or for no stated one, keeps its entry, which takes over the platform and annotations that were asked for. With a
 * platform asked for it does so even where it was listed for another one. An index that gains nothing has the same root.
 * crane-cli reference, section 9.13; the empty bases are `emptyIndex()`.
 *
 * @throws {OciError} `UNSUPPORTED` for a base that is no index, for what is neither image nor index, and for one platform
 *   for the images of an index; `INVALID_CONFIG`, `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function appendToIndex(
  index: Artifact,
  additions: readonly IndexAddition[],
  options: AppendToIndexOptions = {},
): Promise<Artifact> {
  const before = await openIndexDocument(index, options);
  const store = new JoinedSource([index.store, ...additions.map(({ artifact }) => artifact.store)]);
  for (const { digest } of before.document.manifests ?? [])
    if (digest !== undefined) store.place({ digest }, index.store);
  const read = await mapLimited(additions, readers, (one, signal) => entriesOf(one, signal), options.signal);
  for (const [i, { artifact }] of additions.entries()) {
    for (const { entry, children } of read[i] ?? []) {
      for (const { digest } of [entry, ...children]) if (digest !== undefined) store.place({ digest }, artifact.store);
    }
  }
  const listed = before.document.manifests;
  const manifests = additions.length === 0 ? listed : withAdded(listed ?? [], read.flat());
  const annotations = editedMap(before.document.annotations, options.annotations);
  const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests, annotations }, options);
  const root = redescribeRoot(index.root, bytes);
  if (root.digest === index.root.digest) return index;
  return artifactOf(store, root, [{ target: root, bytes }]);
}

/** An entry to be added, and content that lies where it does. */
interface FoundEntry extends AddedEntry {
  readonly children: readonly Descriptor[];
}

async function entriesOf(addition: IndexAddition, signal: AbortSignal): Promise<readonly FoundEntry[]> {
  const { artifact, flatten = true, platform, annotations } = addition;
  const { mediaType, digest } = artifact.root;
  if (!isIndexType(mediaType) || !flatten) {
    if (!isIndexType(mediaType) && !isImageType(mediaType)) {
      throw new OciError('UNSUPPORTED', `unknown media type: ${mediaType}: ${digest} is neither an image nor an index`);
    }
    return [{ ...(await readEntry(artifact, addition, { signal })), edit: { platform, annotations }, isImage: true }];
  }
  if (platform !== undefined && platform !== null) throw onePlatform(digest);
  const { document } = await openIndexDocument(artifact, { signal });
  const read = async (entry: DescriptorDocument, whilst: AbortSignal): Promise<FoundEntry> => {
    const { children, ...described } = await flattened(entry, artifact, whilst);
    const { entry: plain } = described;
    const edited = { ...plain, ...(platform === null ? { platform: undefined } : {}) };
    const more = annotations === undefined ? plain.annotations : editedMap(plain.annotations, { set: annotations });
    return {
      entry: { ...edited, annotations: more },
      plain,
      children,
      isImage: false,
      edit: { platform, annotations },
    };
  };
  return mapLimited(document.manifests ?? [], readers, read, signal);
}

/** The entry of an image says of which type it is; crane adds that on the way. */
async function flattened(
  entry: DescriptorDocument,
  { store, root }: Artifact,
  signal: AbortSignal,
): Promise<{ readonly entry: DescriptorDocument; readonly children: readonly Descriptor[] }> {
  const target = contentOf(entry, `An entry of ${root.digest}`);
  if (!isImageType(target.mediaType) || (entry.artifactType ?? '') !== '') return { entry, children: [] };
  const read = await readEntry({ store, root: target }, { platform: null }, { signal });
  return { entry: { ...entry, artifactType: read.entry.artifactType }, children: read.children };
}

function onePlatform(digest: string): OciError {
  return new OciError('UNSUPPORTED', `${digest} is an index: its images cannot all get one platform`, {
    hint: 'Append its images one by one, or the index itself as one entry',
  });
}
