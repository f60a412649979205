import { plannedChunks } from '../archive/archive-output.ts';
import { type PlannedFile, planDockerArchive } from '../archive/docker-archive-plan.ts';
import { maxConfigSize, maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { parseImageConfig } from '../oci/image-config.ts';
import { parseManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import { MemoryStore } from '../store/memory.ts';
import { OverlayStore } from '../store/overlay.ts';
import type { Delivery } from './delivery.ts';
import type { Engine } from './engine.ts';
import { countKnownLayers } from './known-layers.ts';

/** Below this many bytes asking the engine what it has takes longer than sending all. */
const worthAsking = 1024 * 1024;

/**
 * An image as `docker load` takes it. Docker's own store opens the file of a layer only when it lacks the layer, so that
 * what it has need not be sent, and not be read either.
 *
 * @throws {OciError} `UNSUPPORTED` for an index, and what reading manifest and config throws
 */
export async function dockerDelivery(
  engine: Engine,
  artifact: Artifact,
  name: string | undefined,
  options: CallOptions,
): Promise<Delivery> {
  const { root, store } = artifact;
  const { manifest, config, layers } = await readImage(engine, artifact, options);
  // What was read is not asked for again.
  const known = new MemoryStore();
  await known.push(root, manifest);
  const image = { store: new OverlayStore(known, store), root };
  return {
    id: config.digest,
    layers: layers.length,
    async countKnown(asking) {
      const size = layers.reduce((sum, layer) => sum + layer.size, 0);
      if (engine.isPodman || size < worthAsking) return 0;
      const document = await collectVerified(await image.store.fetch(config, asking), config, maxConfigSize);
      await known.push(config, document);
      const { diff_ids: diffIds } = parseImageConfig(document, config.digest).rootfs;
      return diffIds.length === layers.length ? countKnownLayers(engine, { diffIds, size }, asking) : 0;
    },
    async *chunks(skipped, { onProgress, ...reading }) {
      const needed = new Set([config, ...layers.slice(skipped)].map(({ digest }) => digest));
      const files = await planDockerArchive([{ artifact: image, name }], reading);
      const sent: PlannedFile[] = [];
      for (const file of files) {
        if ('bytes' in file || needed.has(file.target.digest)) sent.push(file);
        else onProgress?.({ type: 'skip', target: file.target, reason: 'exists' });
      }
      yield* plannedChunks(sent, { ...reading, onProgress });
    },
  };
}

interface ImageParts {
  readonly manifest: Uint8Array;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

async function readImage(engine: Engine, { store, root }: Artifact, { signal }: CallOptions): Promise<ImageParts> {
  if (isIndexType(root.mediaType)) throw noImage(engine, root, 'index');
  const bytes = await collectVerified(await store.fetch(root, { signal }), root, maxManifestSize);
  const manifest = parseManifest(bytes, root);
  if (manifest.kind !== 'image') throw noImage(engine, root, manifest.kind);
  const { config, layers } = manifest.image;
  return { manifest: bytes, config, layers };
}

function noImage(engine: Engine, { digest }: Descriptor, kind: string): OciError {
  if (kind === 'index') {
    return new OciError('UNSUPPORTED', `The engine at ${engine.name} keeps no indexes of several images`, {
      hint: "Choose one image with --platform, or let the engine use containerd's image store",
    });
  }
  return new OciError('UNSUPPORTED', `The manifest ${digest} is of the kind ${kind}, and engines hold images`, {
    hint: 'Copy it to a registry or a layout',
  });
}
