import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type ConfigDocument, configDocument } from '../../oci/document/config-document.ts';
import { type DescriptorDocument, imageDocument } from '../../oci/document/manifest-document.ts';
import { familyOf, inFamily, type MediaTypeFamily } from '../../oci/media-type-family.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { contentOf, encodeEdited, type MadeContent, redescribe, redescribeRoot } from '../edit/documents.ts';
import { platformIn } from './base-images.ts';
import { fitsLayers } from './rebased-history.ts';
import type { OpenImage } from './image-reader.ts';
import { historyOf, rebasedConfig } from './rebased-config.ts';
import { restated, type StatedBase } from './stated-base.ts';

/** An image with the two bases that its layers are exchanged between. */
export interface RebaseParts {
  readonly image: OpenImage;
  readonly oldBase: OpenImage;
  readonly newBase: OpenImage;
  /** What annotations shall say of the new base. */
  readonly stated: StatedBase;
}

/** The documents of an image on its new base. */
export interface RebasedDocuments {
  readonly root: Descriptor;
  readonly made: readonly MadeContent[];
  /** What the user should know of the result. */
  readonly warnings: readonly string[];
}

/**
 * The image whose lowest layers are those of the new base. That it is based on the old one was seen before.
 *
 * @throws {OciError} `UNSUPPORTED` for zstd layers in an image of Docker's media types; `INVALID_CONFIG`
 */
export function rebaseDocuments({ image, oldBase, newBase, stated }: RebaseParts): RebasedDocuments {
  const isSame = oldBase.artifact.root.digest === newBase.artifact.root.digest;
  return isSame ? restateBase(image, stated) : exchangeBase({ image, oldBase, newBase, stated });
}

/** Nothing changes but annotations that named a former version of the base, perhaps that of an index around it. */
function restateBase({ artifact, manifest }: OpenImage, stated: StatedBase): RebasedDocuments {
  const annotations = restated(manifest.document.annotations, stated, 'stated');
  const bytes = encodeEdited(imageDocument, manifest, { ...manifest.document, annotations }, {});
  const root = redescribeRoot(artifact.root, bytes);
  const made = root.digest === artifact.root.digest ? [] : [{ target: root, bytes }];
  return { root: withAnnotations(root, stated), made, warnings: [] };
}

function exchangeBase({ image, oldBase, newBase, stated }: RebaseParts): RebasedDocuments {
  const { artifact, manifest, config } = image;
  const { document } = manifest;
  const made: MadeContent[] = [];

  const settings = rebasedConfig(image, oldBase, newBase);
  const configBytes = encodeEdited(configDocument, config, settings, {});
  const configEntry = configBytes === config.bytes ? document.config : redescribe(document.config ?? {}, configBytes);
  if (configBytes !== config.bytes) {
    made.push({ target: contentOf(configEntry, `The config of ${artifact.root.digest}`), bytes: configBytes });
  }

  const layers = rebasedLayers(image, oldBase, newBase);
  const annotations = restated(document.annotations, stated, 'always');
  const bytes = encodeEdited(imageDocument, manifest, { ...document, config: configEntry, layers, annotations }, {});
  const root = redescribeRoot(artifact.root, bytes);
  if (root.digest !== artifact.root.digest) made.push({ target: root, bytes });
  const described = withPlatform(withAnnotations(root, stated), config.document, settings);
  return { root: described, made, warnings: warningsOf(image, settings, newBase) };
}

/** Layers of the new base have the types of the image; those of the image stay as they are. */
function rebasedLayers(image: OpenImage, oldBase: OpenImage, newBase: OpenImage): readonly DescriptorDocument[] {
  const { document } = image.manifest;
  const family = familyOf(document.mediaType || image.artifact.root.mediaType);
  const below = (newBase.manifest.document.layers ?? []).map((layer) =>
    family === undefined ? layer : typedFor(layer, family),
  );
  return [...below, ...(document.layers ?? []).slice(oldBase.layers.length)];
}

function typedFor(layer: DescriptorDocument, family: MediaTypeFamily): DescriptorDocument {
  const mediaType = inFamily(layer.mediaType ?? '', family);
  if (mediaType === undefined) {
    throw new OciError(
      'UNSUPPORTED',
      'The new base has zstd layers, and the image has Docker media types, among which there is none for zstd',
      { hint: 'Convert the image to OCI media types first, or compress the layers of the base with gzip' },
    );
  }
  return mediaType === (layer.mediaType ?? '') ? layer : { ...layer, mediaType };
}

/** What an entry of an index says of a base. */
function withAnnotations(root: Descriptor, stated: StatedBase): Descriptor {
  if (root.annotations === undefined) return root;
  const before = new Map(Object.entries(root.annotations));
  const after = restated(before, stated, 'stated');
  return after === before ? root : { ...root, annotations: Object.fromEntries(after) };
}

/** What an entry of an index says of the platform follows the config where that changed. */
function withPlatform(root: Descriptor, before: ConfigDocument, after: ConfigDocument): Descriptor {
  const { platform } = root;
  if (platform === undefined) return root;
  const members = ['os', 'architecture', 'variant', 'os.version', 'os.features'] as const;
  const changed = members.filter((member) => JSON.stringify(before[member]) !== JSON.stringify(after[member]));
  if (changed.length === 0) return root;
  return {
    ...root,
    platform: { ...platform, ...Object.fromEntries(changed.map((member) => [member, after[member]])) },
  };
}

function warningsOf(image: OpenImage, settings: ConfigDocument, newBase: OpenImage): readonly string[] {
  const [before, after] = [platformIn(image.config.document), platformIn(settings)];
  const name = image.artifact.root.digest;
  const other =
    before === undefined || after === undefined || isSameMachine(before, after)
      ? []
      : [`${name} is for ${formatPlatform(before)}, but its new base is for ${formatPlatform(after)}`];
  const histories = [
    { what: `the image ${name}`, told: historyOf(image) },
    { what: `the new base ${newBase.artifact.root.digest}`, told: historyOf(newBase) },
  ];
  const unfit = histories
    .filter(({ told }) => told.history.length > 0 && !fitsLayers(told))
    .map(
      ({ what }) => `the history of ${what} does not fit its layers: steps may stand beside other layers than theirs`,
    );
  return [...other, ...unfit];
}

function isSameMachine(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture;
}
