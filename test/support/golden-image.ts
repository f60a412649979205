import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { hexOf } from '../../src/oci/digest.ts';
import { childrenOf, parseManifest } from '../../src/oci/manifest.ts';
import { isManifestType } from '../../src/oci/media-type.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';

const registry = join(import.meta.dirname, '../vectors/transcripts/registry');

/** An image of the transcripts, read without our layout code. */
export async function goldenImage(repository: string, tag: string): Promise<Artifact> {
  const text = await readFile(join(registry, repository, 'index.json'), 'utf8');
  const { manifests } = JSON.parse(text) as { readonly manifests: readonly Descriptor[] };
  const root = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag);
  if (root === undefined) throw new Error(`No golden image ${repository}:${tag}`);
  const store = new MemoryStore();
  await add(store, repository, root);
  return { store, root };
}

async function add(store: MemoryStore, repository: string, target: Descriptor): Promise<void> {
  const bytes = await readFile(join(registry, repository, 'blobs/sha256', hexOf(target.digest)));
  if (isManifestType(target.mediaType)) {
    for (const child of childrenOf(parseManifest(bytes, target))) await add(store, repository, child);
  }
  await store.push(target, bytes);
}
