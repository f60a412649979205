import { isOciError, OciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { type ConfigDocument, configDocument } from '../../oci/document/config-document.ts';
import type { ImageDocument } from '../../oci/document/manifest-document.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { contentOf, type OpenDocument, openImageDocument } from '../edit/documents.ts';
import { hasImageConfig } from '../edit/mutate-image.ts';
import { readConfig } from '../read.ts';

/** An image whose manifest was read. */
export interface OpenManifest {
  readonly artifact: Artifact;
  readonly manifest: OpenDocument<ImageDocument>;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
}

/** An image whose manifest and config were read. */
export interface OpenImage extends OpenManifest {
  readonly config: OpenDocument<ConfigDocument>;
}

/** Reads manifests and configs, each of them once. */
export class ImageReader {
  readonly #options: CallOptions;
  readonly #manifests = new Map<Digest, Promise<OpenManifest>>();
  readonly #images = new Map<Digest, Promise<OpenImage>>();

  constructor({ signal }: CallOptions) {
    this.#options = { signal };
  }

  /** @throws {OciError} `UNSUPPORTED` for an index, and for Docker schema 1; `INVALID_MANIFEST` */
  manifest(artifact: Artifact): Promise<OpenManifest> {
    return remembered(this.#manifests, artifact.root.digest, () => this.#readManifest(artifact));
  }

  /** @throws {OciError} as {@link manifest}; `UNSUPPORTED` for an artifact whose config is no image's; `INVALID_CONFIG` */
  image(artifact: Artifact): Promise<OpenImage> {
    return remembered(this.#images, artifact.root.digest, () => this.#readImage(artifact));
  }

  async #readManifest(artifact: Artifact): Promise<OpenManifest> {
    const manifest = await openImageDocument(artifact, this.#options);
    const { layers = [] } = manifest.document;
    const what = (i: number): string => `Layer ${i + 1} of ${artifact.root.digest}`;
    return { artifact, manifest, layers: layers.map((layer, i) => contentOf(layer, what(i))) };
  }

  async #readImage(artifact: Artifact): Promise<OpenImage> {
    const open = await this.manifest(artifact);
    const { document } = open.manifest;
    const target = contentOf(document.config, `The config of ${artifact.root.digest}`);
    if (!hasImageConfig(document)) {
      throw new OciError(
        'UNSUPPORTED',
        `${artifact.root.digest} is no image but an artifact: its config is ${target.mediaType}`,
        {
          hint: 'Only images have a base',
        },
      );
    }
    const bytes = await readConfig(artifact.store, target, this.#options);
    return { ...open, config: { bytes, document: configDocument.parse(bytes, `Config ${target.digest}`) } };
  }
}

/** Says of a failure which base it was. */
export async function ofBase<T>(which: 'old' | 'new', task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!isOciError(error) || error.message.startsWith(`The ${which} base`)) throw error;
    throw new OciError(error.code, `The ${which} base: ${error.message}`, { cause: error, hint: error.hint });
  }
}

/** Both results. Rejects only after both have settled. */
export async function together<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

function remembered<T>(known: Map<Digest, Promise<T>>, digest: Digest, make: () => Promise<T>): Promise<T> {
  const found = known.get(digest) ?? make();
  known.set(digest, found);
  return found;
}
