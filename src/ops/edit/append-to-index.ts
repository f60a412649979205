import type { DescriptorDocument } from '../../oci/document/manifest-document.ts';
import { indexDocument } from '../../oci/document/manifest-document.ts';
import { isImageType, isIndexType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { JoinedSource } from '../../store/joined-source.ts';
import type { ContentSource } from '../../store/store.ts';
import {
  artifactOf,
  contentOf,
  type EditOptions,
  encodeEdited,
  openIndexDocument,
  redescribeRoot,
} from './documents.ts';
import { type EntryEdit, entryFor } from './index-entry.ts';

/** An image to be listed in an index, or an index whose images are. */
export interface IndexAddition extends EntryEdit {
  readonly artifact: Artifact;
  /** Whether an index gives its entries; it is listed itself otherwise. @default true, as with crane */
  readonly flatten?: boolean | undefined;
}

/**
 * An index with more entries, behind those it has. An entry that is there already, to the letter, is not added again.
 * crane-cli reference, section 9.13; the empty bases are `emptyIndex()`.
 *
 * @throws {OciError} `UNSUPPORTED` for a base that is no index; `INVALID_CONFIG`, `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function appendToIndex(
  index: Artifact,
  additions: readonly IndexAddition[],
  options: EditOptions = {},
): Promise<Artifact> {
  const before = await openIndexDocument(index, options);
  const store = new JoinedSource([index.store, ...additions.map(({ artifact }) => artifact.store)]);
  const manifests = [...(before.document.manifests ?? [])];
  for (const entry of manifests) placed(entry, index.store, store);
  const seen = new Set(manifests.map(textOf));
  for (const addition of additions) {
    for (const entry of await entriesOf(addition, options)) {
      placed(entry, addition.artifact.store, store);
      const text = textOf(entry);
      if (!seen.has(text)) manifests.push(entry);
      seen.add(text);
    }
  }
  const bytes = encodeEdited(indexDocument, before, { ...before.document, manifests }, options);
  const root = redescribeRoot(index.root, bytes);
  if (root.digest === index.root.digest) return index;
  return artifactOf(store, root, [{ target: root, bytes }]);
}

async function entriesOf(addition: IndexAddition, options: CallOptions): Promise<readonly DescriptorDocument[]> {
  const { artifact, flatten = true } = addition;
  if (!isIndexType(artifact.root.mediaType) || !flatten) return [await entryFor(artifact, addition, options)];
  const { document } = await openIndexDocument(artifact, options);
  const entries: DescriptorDocument[] = [];
  for (const entry of document.manifests ?? []) entries.push(await flattened(entry, artifact, options));
  return entries;
}

/** The entry of an image says of which type it is; crane adds that on the way. */
async function flattened(
  entry: DescriptorDocument,
  { store, root }: Artifact,
  options: CallOptions,
): Promise<DescriptorDocument> {
  if (!isImageType(entry.mediaType ?? '') || (entry.artifactType ?? '') !== '') return entry;
  const child = { store, root: contentOf(entry, `An entry of ${root.digest}`) };
  const { artifactType } = await entryFor(child, { platform: null }, options);
  return { ...entry, artifactType };
}

function placed(entry: DescriptorDocument, source: ContentSource, store: JoinedSource): void {
  if (entry.digest !== undefined) store.place({ digest: entry.digest }, source);
}

function textOf(entry: DescriptorDocument): string {
  return new TextDecoder().decode(indexDocument.encode({ manifests: [entry] }));
}
