import { OciError, quoted } from '../../errors.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { OpenImage } from './image-reader.ts';

/** Where an image and a base first differ. */
export interface LayerMismatch {
  /** From 0. */
  readonly layer: number;
  /** `'differs'`, or the image has no such layer. */
  readonly kind: 'differs' | 'missing';
}

/**
 * Compares the lowest layers of an image with those of a base: by digest, and where layers were compressed anew by the digest of
 * what is in them.
 *
 * @returns `undefined` when the image is based on the base
 */
export function mismatchOf(image: OpenImage, base: OpenImage): LayerMismatch | undefined {
  for (const [layer, { digest }] of base.layers.entries()) {
    const own = image.layers[layer];
    if (own === undefined) return { layer, kind: 'missing' };
    if (own.digest === digest) continue;
    const [ours, theirs] = [diffIdOf(image, layer), diffIdOf(base, layer)];
    if (ours === undefined || ours !== theirs) return { layer, kind: 'differs' };
  }
  return undefined;
}

/** The failure, in words that say what the two have at the first place where they differ. */
export function notBasedOn(
  image: OpenImage,
  base: OpenImage,
  { layer, kind }: LayerMismatch,
  platform: Platform | undefined,
): OciError {
  const name = platform === undefined ? 'The image' : `The image for ${formatPlatform(platform)}`;
  const what = `${name} ${image.artifact.root.digest} is not based on ${base.artifact.root.digest}`;
  const reason =
    kind === 'missing'
      ? `it has ${count(image.layers.length)}, fewer than the ${base.layers.length} of the base`
      : `layer ${layer + 1} of the base's ${base.layers.length} differs: the image has ${described(image, layer)}, the base has ${described(base, layer)}`;
  return new OciError('BASE_MISMATCH', `${what}: ${reason}`, {
    hint: 'Name the base that the image was built on, best by its digest: --old_base REPOSITORY@DIGEST',
  });
}

/** A layer's diff ID; `undefined` where the config does not fit the layers and says nothing of them. */
function diffIdOf({ config, layers }: OpenImage, layer: number): string | undefined {
  const diffIds = config.document.rootfs?.diff_ids ?? [];
  return diffIds.length === layers.length ? diffIds[layer] : undefined;
}

function described(image: OpenImage, layer: number): string {
  const diffId = diffIdOf(image, layer);
  const command = commandOf(image, layer);
  const more = [
    diffId === undefined ? '' : `diff ID ${shortened(diffId, 19)}`,
    command === undefined ? '' : quoted(command),
  ];
  const said = more.filter((text) => text !== '').join(', ');
  return `${image.layers[layer]?.digest ?? ''}${said === '' ? '' : ` (${said})`}`;
}

/** What the history says of a layer, as far as it says anything of all. */
function commandOf({ config, layers }: OpenImage, layer: number): string | undefined {
  const steps = (config.document.history ?? []).filter((step) => step.empty_layer !== true);
  const command = steps.length === layers.length ? (steps[layer]?.created_by ?? '') : '';
  return command === '' ? undefined : shortened(command, 60);
}

/** Two of everything are in one message. */
function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function count(layers: number): string {
  return `${layers} layer${layers === 1 ? '' : 's'}`;
}
