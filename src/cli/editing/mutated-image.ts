import { appendLayers } from '../../ops/edit/append-layers.ts';
import type { ImageEdit } from '../../ops/edit/image-edit.ts';
import { mutateImage } from '../../ops/edit/mutate-image.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';

/** One image with layers on top and then edited; of an index that for `--platform`, by default linux/amd64. */
export async function mutatedImage(
  session: Session,
  artifact: Artifact,
  edit: ImageEdit,
  append: readonly string[],
): Promise<Artifact> {
  const image = await imageForPlatform(artifact, session.platform, session);
  return mutateImage(append.length === 0 ? image : await withLayers(session, image, append), edit, session);
}

async function withLayers(session: Session, image: Artifact, files: readonly string[]): Promise<Artifact> {
  const [{ openLayers }, { layerBaseOf }] = await Promise.all([
    import('./layers.ts'),
    import('../../ops/layers/layer-base.ts'),
  ]);
  const base = await layerBaseOf(image, session);
  return appendLayers(base.image, await openLayers(session, files, base), session);
}
