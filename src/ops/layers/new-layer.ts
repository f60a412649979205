import { OciError } from '../../errors.ts';
import type { CompressionKind } from '../../content/compression.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { layerTypeIn, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { StagedContent } from '../../store/staging.ts';

/** A layer in hand that no image has yet. Its temporary file, if it has one, exists until the layer is disposed of. */
export interface NewLayer extends AsyncDisposable {
  readonly descriptor: Descriptor;
  /** Digest of the tar archive without compression. OCI image-spec, config.md "Layer DiffID". */
  readonly diffId: Digest;
  /** What {@link descriptor} names, as often as wanted; a `StagingStore` adopts it. */
  readonly content: StagedContent;
}

/**
 * The media type of a layer.
 *
 * @throws {OciError} `UNSUPPORTED` for zstd among Docker's types, which have none
 */
export function layerType(family: MediaTypeFamily, compression: CompressionKind): string {
  const found = layerTypeIn(family, compression);
  if (found === undefined) throw zstdInDocker();
  return found;
}

/** The failure to name the type of a zstd layer in an image of Docker's media types. */
export function zstdInDocker(): OciError {
  return new OciError('UNSUPPORTED', 'An image with Docker media types cannot have zstd layers: Docker defines none', {
    hint: 'Convert the image to OCI media types, or use gzip',
  });
}

export function newLayer(descriptor: Descriptor, diffId: Digest, content: StagedContent): NewLayer {
  return { descriptor, diffId, content, [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() };
}
