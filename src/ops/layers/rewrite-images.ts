import { Limiter } from '../../async/limiter.ts';
import { linkedAbort, type LinkedAbort } from '../../async/linked-abort.ts';
import { OciError } from '../../errors.ts';
import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import {
  type DescriptorDocument,
  type ImageDocument,
  imageDocument,
  type IndexDocument,
  indexDocument,
} from '../../oci/document/manifest-document.ts';
import { isImageConfigType, isLayerType, isManifestType } from '../../oci/media-type.ts';
import type { ImageManifest, Manifest } from '../../oci/manifest.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { OverlayStore } from '../../store/overlay.ts';
import type { StagingStore } from '../../store/staging.ts';
import type { ChildFilter } from '../copy-options.ts';
import { manifestOf } from '../read.ts';

/** Content that was rewritten. Its temporary files exist until it is disposed of: copy it before. */
export interface RewrittenArtifact extends Artifact, AsyncDisposable {}

export interface RewriteOptions extends CallOptions {
  /** Which images of an index are rewritten; the others stay as they are. @default all */
  readonly includeChild?: ChildFilter | undefined;
  /** Levels of indexes in indexes. @default 8 */
  readonly maxDepth?: number | undefined;
}

/** What becomes of images, and of the type of indexes. */
export interface ImageRewriter {
  /** The new document of an image, or the old one where nothing changes. `abort` ends what goes on for other images. */
  image(document: ImageDocument, image: ImageManifest, mediaType: string, abort: LinkedAbort): Promise<ImageDocument>;
  /** The new type of an index, whose entries are rewritten already. */
  indexType(mediaType: string, entries: readonly DescriptorDocument[]): string;
}

/**
 * Rewrites an image, or all images of an index. Documents in which nothing changes keep their bytes. What is in an index
 * beside images, such as attestations, stays, and is attached to the rewritten images.
 *
 * @throws {OciError} `UNSUPPORTED` for what is no image and no index with images; `LIMIT_EXCEEDED` for indexes nested too deep
 */
export async function rewriteImages(
  artifact: Artifact,
  staging: StagingStore,
  rewriter: ImageRewriter,
  options: RewriteOptions,
): Promise<RewrittenArtifact> {
  const run = new Rewriting(artifact, staging, rewriter, options);
  try {
    const root = await run.rewrite(artifact.root, 0);
    if (run.images === 0) throw noImage(artifact.root);
    const store = new OverlayStore(staging, artifact.store);
    return { store, root, [Symbol.asyncDispose]: () => staging[Symbol.asyncDispose]() };
  } catch (error) {
    await staging[Symbol.asyncDispose]();
    throw error;
  } finally {
    run.abort.unlink();
  }
}

/** Whether a manifest is that of an image and not an artifact in the shape of one, such as an attestation. */
export function isImage({ config, layers }: ImageManifest): boolean {
  return isImageConfigType(config.mediaType) && layers.every(({ mediaType }) => isLayerType(mediaType));
}

class Rewriting {
  images = 0;
  /** When one image fails the others are no longer wanted. */
  readonly abort: LinkedAbort;
  readonly #artifact: Artifact;
  readonly #staging: StagingStore;
  readonly #rewriter: ImageRewriter;
  readonly #options: RewriteOptions;
  /** Manifests that are held while their layers are worked on. */
  readonly #limiter = new Limiter(4);
  readonly #done = new Map<string, Promise<Descriptor>>();

  constructor(artifact: Artifact, staging: StagingStore, rewriter: ImageRewriter, options: RewriteOptions) {
    this.#artifact = artifact;
    this.#staging = staging;
    this.#rewriter = rewriter;
    this.#options = options;
    this.abort = linkedAbort(options.signal);
  }

  /** @returns the descriptor with the new type, digest and size; the same one when nothing changed */
  async rewrite(target: Descriptor, depth: number): Promise<Descriptor> {
    const known = this.#done.get(target.digest);
    const rewritten = known ?? this.#rewritten(target, depth);
    this.#done.set(target.digest, rewritten);
    const { mediaType, digest, size } = await rewritten;
    if (digest === target.digest && mediaType === target.mediaType) return target;
    // What was embedded are the old bytes.
    const { data: _, ...rest } = target;
    return { ...rest, mediaType, digest, size };
  }

  async #rewritten(target: Descriptor, depth: number): Promise<Descriptor> {
    const { maxDepth = 8 } = this.#options;
    const { signal } = this.abort;
    if (depth > maxDepth) {
      throw new OciError('LIMIT_EXCEEDED', `Index ${target.digest} is nested more than ${maxDepth} levels deep`);
    }
    const manifest = await manifestOf({ store: this.#artifact.store, root: target }, { signal });
    if (manifest.kind === 'index') return this.#index(target, manifest, depth);
    if (manifest.kind !== 'image' || !isImage(manifest.image)) return target;
    this.images++;
    return this.#limiter.run(() => this.#image(target, manifest), signal);
  }

  async #image(target: Descriptor, { image, bytes }: Manifest & { readonly kind: 'image' }): Promise<Descriptor> {
    const before = imageDocument.parse(bytes, `Manifest ${target.digest}`);
    const after = await this.#rewriter.image(before, image, image.mediaType ?? target.mediaType, this.abort);
    if (after === before) return target;
    return this.#staging.add(imageDocument.encode(after), after.mediaType ?? target.mediaType);
  }

  async #index(
    target: Descriptor,
    { index, bytes }: Manifest & { readonly kind: 'index' },
    depth: number,
  ): Promise<Descriptor> {
    const before = indexDocument.parse(bytes, `Index ${target.digest}`);
    const entries = before.manifests ?? [];
    const children = await this.#children(index.manifests, target, depth);
    const digests = new Map(index.manifests.map(({ digest }, i) => [digest as string, children[i]?.digest as string]));
    const manifests = entries.map((entry, i) => rewrittenEntry(entry, index.manifests[i], children[i], digests));
    const own = index.mediaType ?? target.mediaType;
    const mediaType = this.#rewriter.indexType(own, manifests);
    if (mediaType === own && manifests.every((entry, i) => entry === entries[i])) return target;
    const after: IndexDocument = { ...before, mediaType, manifests };
    return this.#staging.add(indexDocument.encode(after), mediaType);
  }

  /** Rejects only after everything has settled. */
  async #children(all: readonly Descriptor[], parent: Descriptor, depth: number): Promise<readonly Descriptor[]> {
    const tasks = all.map(async (child) => {
      const isWanted = isManifestType(child.mediaType) && (this.#options.includeChild?.(child, parent) ?? true);
      return isWanted ? this.rewrite(child, depth + 1) : child;
    });
    for (const task of tasks) task.catch((error: unknown) => this.abort.abort(error));
    const results = await Promise.allSettled(tasks);
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }
}

function rewrittenEntry(
  entry: DescriptorDocument,
  before: Descriptor | undefined,
  after: Descriptor | undefined,
  digests: ReadonlyMap<string, string>,
): DescriptorDocument {
  // An attestation names the image that it is about, which has another digest now.
  const subject = entry.annotations?.get(annotationKeys.dockerReference);
  const moved = subject === undefined ? undefined : digests.get(subject);
  const annotations =
    moved === undefined || moved === subject
      ? entry.annotations
      : new Map([...(entry.annotations ?? []), [annotationKeys.dockerReference, moved]]);
  if (after === before || after === undefined) {
    return annotations === entry.annotations ? entry : { ...entry, annotations };
  }
  const { mediaType, digest, size } = after;
  return { ...entry, mediaType, digest, size, data: undefined, annotations };
}

function noImage({ digest, mediaType }: Descriptor): OciError {
  return new OciError('UNSUPPORTED', `${digest} is neither an image nor an index of images but ${mediaType}`, {
    hint: 'Only layers of images can be rewritten; an artifact is pushed again with other content',
  });
}
