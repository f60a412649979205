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
  if (append.length === 0) return mutateImage(image, edit, session);
  const { layeredImage } = await import('./layered-image.ts');
  return mutateImage(await layeredImage(session, image, append), edit, session);
}
