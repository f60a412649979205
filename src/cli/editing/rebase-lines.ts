import { annotationKeys } from '../../oci/annotations.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { manifestOf } from '../../ops/read.ts';
import type { RebasedArtifact, RebasedImage } from '../../ops/rebase/rebase.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';

/** What a rebase would change, image by image, and what would stand where. */
export function formatRebase(
  { root, images }: RebasedArtifact,
  { source, name }: { readonly source: Descriptor; readonly name: string },
): string {
  const status = statusOf(source, root);
  const was = status === 'same' ? '' : ` (was ${source.digest})`;
  const lines = [...images.flatMap(linesOf), `${status.padEnd(7)} ${name} ${root.digest}${was}`];
  return lines.map((line) => `${line}\n`).join('');
}

/** The same as JSON. */
export function rebaseJson(
  { root, images }: RebasedArtifact,
  { source, name }: { readonly source: Descriptor; readonly name: string },
): object {
  return {
    target: name,
    status: statusOf(source, root),
    before: source.digest,
    after: root.digest,
    images: images.map(({ before, after, platform, oldBase, newBase, removed, added, kept }) => ({
      platform: platform === undefined ? undefined : formatPlatform(platform),
      status: statusOf(before, after),
      before: before.digest,
      after: after.digest,
      oldBase: oldBase.digest,
      newBase: newBase.digest,
      removed: removed.map(layerJson),
      added: added.map(layerJson),
      kept: kept.map(layerJson),
    })),
  };
}

/** Images with another digest to which an index lists attestations. */
export async function attestedImages(
  artifact: Artifact,
  { images }: RebasedArtifact,
  options: CallOptions,
): Promise<readonly string[]> {
  const changed = new Set<string>(
    images.filter(({ before, after }) => before.digest !== after.digest).map(({ before }) => before.digest),
  );
  if (changed.size === 0 || !isIndexType(artifact.root.mediaType)) return [];
  const manifest = await manifestOf(artifact, options);
  const entries = manifest.kind === 'index' ? manifest.index.manifests : [];
  const about = entries.map(({ annotations }) => annotations?.[annotationKeys.dockerReference] ?? '');
  return Array.from(new Set(about.filter((digest) => changed.has(digest))));
}

function linesOf({ before, after, platform, oldBase, newBase, removed, added, kept }: RebasedImage): readonly string[] {
  const status = statusOf(before, after);
  const name = platform === undefined ? '' : ` ${formatPlatform(platform)}`;
  const counts = `${removed.length} removed, ${added.length} added, ${kept.length} kept`;
  return [
    `${status.padEnd(7)}${name} ${before.digest}: layers ${counts}; base ${oldBase.digest} -> ${newBase.digest}`,
    ...(status === 'same'
      ? []
      : [...removed.map(lineWith('-')), ...added.map(lineWith('+')), ...kept.map(lineWith('='))]),
  ];
}

function statusOf(before: Descriptor, after: Descriptor): 'same' | 'changed' {
  return before.digest === after.digest ? 'same' : 'changed';
}

function layerJson({ digest, mediaType, size }: Descriptor): object {
  return { digest, mediaType, size };
}

function lineWith(sign: string): (layer: Descriptor) => string {
  return ({ digest, size }) => `  ${sign} ${digest} ${size} bytes`;
}
