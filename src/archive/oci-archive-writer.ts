import { describeBytes } from '../content/hash.ts';
import { maxManifestSize } from '../content/limit.ts';
import { writeOutputFile } from '../content/output-file.ts';
import { type TarInput, writeTar } from '../content/tar/writer.ts';
import { collectVerified, VerifiedStream } from '../content/verify.ts';
import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, hexOf } from '../oci/digest.ts';
import {
  emptyLayoutIndex,
  encodeLayoutIndex,
  type EntryOptions,
  entryOf,
  layoutIndexName,
  layoutMarker,
  layoutMarkerName,
  withEntry,
} from '../oci/image-layout.ts';
import { bySubject, withReferrerEntries, withReferrers } from '../oci/layout-referrers.ts';
import { childrenOf, type Manifest, parseManifest } from '../oci/manifest.ts';
import { isManifestType, isNonDistributableType, mediaTypes } from '../oci/media-type.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { ContentSource } from '../store/store.ts';
import type { ByteSink } from './archive-output.ts';

/** What goes into an archive, and how its index lists it. */
export interface ArchivedArtifact extends EntryOptions {
  readonly artifact: Artifact;
}

export interface WriteOciArchiveOptions extends CallOptions, ProgressOptions {
  /** What refers to the artifacts. It is listed so that readers of layouts find it. @default nothing */
  readonly referrers?: readonly ArchivedReferrer[] | undefined;
  /** Which children of an index go into the archive. @default all */
  readonly includeChild?: ((child: Descriptor, parent: Descriptor) => boolean) | undefined;
}

/** A manifest that names another in the archive as its subject. */
export interface ArchivedReferrer extends Referrer {
  readonly store: ContentSource;
}

/**
 * Writes artifacts, indexes with all their images, to a tar archive in the OCI image layout. The same artifacts give the
 * same bytes: no times, no owners, blobs in the order in which the manifests name them, each once. The file appears when it
 * is complete.
 *
 * @param output a path, or a sink that gets the chunks in order
 * @throws {OciError} what reading the artifacts throws
 */
export async function writeOciArchive(
  output: string | ByteSink,
  artifacts: readonly ArchivedArtifact[],
  options: WriteOciArchiveOptions = {},
): Promise<void> {
  const chunks = ociArchiveChunks(artifacts, options);
  if (typeof output === 'string') return writeOutputFile(output, chunks, { signal: options.signal });
  for await (const chunk of chunks) await output.write(chunk);
}

/** The bytes of the archive, for where no file is wanted. Layers stream through; manifests are held in memory. */
export async function* ociArchiveChunks(
  artifacts: readonly ArchivedArtifact[],
  options: WriteOciArchiveOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const plan = new Plan(options);
  let index = emptyLayoutIndex;
  for (const { artifact, ...entryOptions } of artifacts) {
    const manifest = await plan.add(artifact.store, artifact.root);
    index = withEntry(index, entryOf(artifact.root, manifest, entryOptions));
  }
  for (const [subject, group] of bySubject(options.referrers ?? [])) {
    for (const { store, descriptor } of group) await plan.add(store, descriptor);
    const list = plan.addList(withReferrers(undefined, group) ?? new Uint8Array(0));
    index = withReferrerEntries(index, subject, list, group);
  }
  yield* writeTar(archiveEntries(encodeLayoutIndex(index), plan, options));
}

/** Everything the archive will hold, in order; sizes are known before the first byte is written. */
class Plan {
  readonly #signal: AbortSignal | undefined;
  readonly #includeChild: NonNullable<WriteOciArchiveOptions['includeChild']>;
  readonly manifests = new Map<Digest, Manifest>();
  readonly blobs = new Map<Digest, { readonly store: ContentSource; readonly target: Descriptor }>();

  constructor({ signal, includeChild = () => true }: WriteOciArchiveOptions) {
    this.#signal = signal;
    this.#includeChild = includeChild;
  }

  /** A list of referrers, which stands for no content of its own. */
  addList(bytes: Uint8Array): Descriptor {
    const list = describeBytes(bytes, mediaTypes.ociIndex);
    this.manifests.set(list.digest, parseManifest(bytes, list));
    return list;
  }

  async add(store: ContentSource, target: Descriptor): Promise<Manifest> {
    const known = this.manifests.get(target.digest);
    if (known !== undefined) return known;
    const stream = await store.fetch(target, { signal: this.#signal });
    const manifest = parseManifest(await collectVerified(stream, target, maxManifestSize), target);
    this.manifests.set(target.digest, manifest);
    for (const child of await this.#childrenOf(store, manifest)) {
      if (manifest.kind === 'index' && !this.#includeChild(child, target)) continue;
      if (isManifestType(child.mediaType)) await this.add(store, child);
      else if (!this.blobs.has(child.digest)) this.blobs.set(child.digest, { store, target: child });
    }
    return manifest;
  }

  /** Docker's first format names its layers without their sizes. */
  async #childrenOf(store: ContentSource, manifest: Manifest): Promise<readonly Descriptor[]> {
    if (manifest.kind !== 'schema1') return childrenOf(manifest);
    return Promise.all(
      manifest.layers.map(async (layer) => {
        const found = await store.stat(layer, { signal: this.#signal });
        if (found !== undefined) return found;
        throw new OciError('NOT_FOUND', `The layer ${layer.digest} of a schema 1 manifest is not at the source`);
      }),
    );
  }
}

async function* archiveEntries(
  index: string,
  plan: Plan,
  { signal, onProgress }: WriteOciArchiveOptions,
): AsyncGenerator<TarInput, void> {
  for (const { target } of plan.blobs.values()) onProgress?.({ type: 'queued', target });
  yield fileOf(layoutMarkerName, Buffer.from(layoutMarker));
  yield fileOf(layoutIndexName, Buffer.from(index));
  for (const [digest, { bytes }] of plan.manifests) yield fileOf(pathOf(digest), bytes);
  for (const [digest, { store, target }] of plan.blobs) {
    const stream = await openBlob(store, target, { signal, onProgress });
    if (stream === undefined) {
      onProgress?.({ type: 'skip', target, reason: 'nondistributable' });
      continue;
    }
    onProgress?.({ type: 'start', target, offset: 0 });
    stream.onBytes((bytes) => onProgress?.({ type: 'chunk', target, bytes }));
    try {
      yield { header: { name: pathOf(digest), mode: 0o644, size: target.size }, body: stream };
    } finally {
      // It may not have been begun when writing failed.
      await stream.cancel();
    }
    onProgress?.({ type: 'finish', target });
  }
}

/** `undefined` for a layer that its licence keeps elsewhere and that is not at the source either. */
async function openBlob(
  store: ContentSource,
  target: Descriptor,
  options: WriteOciArchiveOptions,
): Promise<VerifiedStream | undefined> {
  try {
    return VerifiedStream.of(await store.fetch(target, options), target);
  } catch (error) {
    if (isNonDistributableType(target.mediaType) && isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function fileOf(name: string, body: Uint8Array): TarInput {
  return { header: { name, mode: 0o644, size: body.byteLength }, body };
}

function pathOf(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}
