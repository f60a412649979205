import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeBytes } from '../../src/content/hash.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { LayerAddition } from '../../src/ops/edit/append-layers.ts';

/** What crane made of an image. */
export interface GoldenImage {
  readonly config: string;
  readonly configDigest: string;
  readonly manifest: string;
  readonly manifestDigest: string;
}

interface GoldenIndex {
  readonly index: string;
  readonly digest: string;
}

/** By what was done; see test/vectors/operations.json. */
export const goldenOperations: Readonly<Record<string, GoldenImage & GoldenIndex>> = (
  JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/operations.json'), 'utf8')) as {
    operations: Record<string, GoldenImage & GoldenIndex>;
  }
).operations;

/** The image that most operations began with, without content of its layers. */
export async function goldenBase(): Promise<Artifact> {
  const done = goldenOperations['subject'];
  if (done === undefined) throw new Error('No golden operation "subject"');
  const store = new MemoryStore();
  await store.add(Buffer.from(done.config), mediaTypes.ociConfig);
  const manifest = done.manifest.replace(/,"subject":\{[^}]*\}/, '');
  return { store, root: await store.add(Buffer.from(manifest), mediaTypes.ociManifest) };
}

/** Layers that were appended: numbers 0 and 1. */
export function goldenLayer(number: 0 | 1, more: Partial<Descriptor> = {}): LayerAddition {
  const digit = number + 1;
  const descriptor = {
    mediaType: mediaTypes.dockerLayerGzip,
    size: 21 + number,
    digest: parseDigest(`sha256:${`e${digit}`.repeat(32)}`),
    ...more,
  };
  const open = (): never => {
    throw new Error('Nobody should open this layer');
  };
  return { descriptor, diffId: parseDigest(`sha256:${`d${digit}`.repeat(32)}`), content: { open } };
}

/** An image of given documents, with layers that are not there. */
export async function imageOfDocuments(
  config: string,
  manifest: object = {},
  types: { readonly manifest: string; readonly config: string } = {
    manifest: mediaTypes.ociManifest,
    config: mediaTypes.ociConfig,
  },
): Promise<Artifact & { readonly store: MemoryStore }> {
  const store = new MemoryStore();
  const target = describeBytes(Buffer.from(config), types.config);
  await store.push(target, Buffer.from(config));
  const document = { schemaVersion: 2, mediaType: types.manifest, config: target, layers: [], ...manifest };
  return { store, root: await store.add(Buffer.from(JSON.stringify(document)), types.manifest) };
}
