import type { ImageEdit } from '../../ops/edit/image-edit.ts';
import { mutateIndex } from '../../ops/edit/mutate-index.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';

/** What annotations are meant where there is an index. */
export type Annotated = 'index' | 'images' | 'all';

/**
 * An index whose images are edited, all or those for `--platform`.
 *
 * @param annotate `undefined` for the index, and with `--platform` its images
 */
export async function mutatedIndex(
  session: Session,
  index: Artifact,
  { annotations, ...config }: ImageEdit,
  annotate: Annotated | undefined,
): Promise<Artifact> {
  const platforms = session.platforms.length === 0 ? undefined : session.platforms;
  const annotated = annotate ?? (platforms === undefined ? 'index' : 'images');
  const images = { ...config, annotations: annotated === 'index' ? undefined : annotations };
  const isEdited = Object.values(images).some((change) => change !== undefined);
  const edit = {
    annotations: annotated === 'images' ? undefined : annotations,
    images: isEdited ? images : undefined,
  };
  return mutateIndex(index, edit, { platforms, signal: session.signal });
}
