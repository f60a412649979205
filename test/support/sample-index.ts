import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { ImageIndex } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parsePlatform, type Platform } from '../../src/oci/platform.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { rawManifestOf } from '../../src/ops/read.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { imageOfDocuments } from './golden-operations.ts';

// Indexes for tests of what is made of them, with members that nobody knows.

type Document = ImageIndex & Readonly<Record<string, unknown>>;

export async function documentOf(artifact: Artifact): Promise<Document> {
  return JSON.parse(Buffer.from(await rawManifestOf(artifact)).toString()) as Document;
}

export async function digestsIn(artifact: Artifact): Promise<readonly string[]> {
  return (await documentOf(artifact)).manifests.map(({ digest }) => digest);
}

export async function imageFor(os: string, architecture: string, more: object = {}): Promise<Artifact> {
  return imageOfDocuments(JSON.stringify({ os, architecture, ...more }));
}

export interface Made extends Artifact {
  readonly entries: readonly Descriptor[];
}

/** An index, and all that it lists, in one store. */
export async function indexOf(
  children: readonly (readonly [child: Artifact, more?: object])[],
  more: object = {},
): Promise<Made> {
  const store = new MemoryStore();
  const entries: Descriptor[] = [];
  for (const [child, others] of children) {
    await copyGraph(child.store, store, child.root);
    entries.push({ ...child.root, ...others });
  }
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries, ...more };
  return { store, root: await store.add(Buffer.from(JSON.stringify(document, null, 1)), mediaTypes.ociIndex), entries };
}

export async function platformIndex(): Promise<Made & { readonly attestation: Descriptor }> {
  const [amd64, arm64] = [await imageFor('linux', 'amd64'), await imageFor('linux', 'arm64')];
  const attestation = await imageFor('unknown', 'unknown');
  const made = await indexOf(
    [
      [amd64, { platform: parsePlatform('linux/amd64'), 'x-entry': 1 }],
      [arm64, { platform: parsePlatform('linux/arm64/v8') }],
      [
        attestation,
        {
          platform: parsePlatform('unknown/unknown'),
          annotations: { 'vnd.docker.reference.digest': amd64.root.digest },
        },
      ],
    ],
    { 'x-index': [1] },
  );
  return { ...made, attestation: made.entries[2] as Descriptor };
}

export function platforms(...texts: readonly string[]): readonly Platform[] {
  return texts.map(parsePlatform);
}
