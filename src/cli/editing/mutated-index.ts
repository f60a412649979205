import { OciError } from '../../errors.ts';
import type { LayerAddition } from '../../ops/edit/append-layers.ts';
import type { ImageEdit } from '../../ops/edit/image-edit.ts';
import { type IndexEdit, mutateIndex } from '../../ops/edit/mutate-index.ts';
import type { LayerBase } from '../../ops/layers/layer-base.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';

export interface MutatedIndexOptions {
  /** Files of layers that go on top of each image. */
  readonly append: readonly string[];
  /** Whose annotations are meant. @default the index, and with `--platform` its images */
  readonly annotate: 'index' | 'images' | 'all' | undefined;
}

/** An index whose images are edited, all or those for `--platform`. */
export async function mutatedIndex(
  session: Session,
  index: Artifact,
  { annotations, ...config }: ImageEdit,
  { append, annotate }: MutatedIndexOptions,
): Promise<Artifact> {
  const platforms = session.platforms.length === 0 ? undefined : session.platforms;
  const annotated = annotate ?? (platforms === undefined ? 'index' : 'images');
  const images = { ...config, annotations: annotated === 'index' ? undefined : annotations };
  const isEdited = append.length > 0 || Object.values(images).some((change) => change !== undefined);
  const edit: IndexEdit = {
    annotations: annotated === 'images' ? undefined : annotations,
    images: isEdited ? images : undefined,
    layers: append.length === 0 ? undefined : layersFor(session, append),
  };
  return mutateIndex(index, edit, { platforms, signal: session.signal });
}

/** Layers are read once, and once more for images of Windows, which have them in another form. */
function layersFor(session: Session, files: readonly string[]): IndexEdit['layers'] {
  const known = new Map<string, Promise<readonly LayerAddition[]>>();
  return async (base) => {
    const form = `${base.family} ${base.os === 'windows' ? 'windows' : ''}`;
    const layers = known.get(form) ?? openFor(session, files, base, known.size === 0);
    known.set(form, layers);
    return layers;
  };
}

async function openFor(
  session: Session,
  files: readonly string[],
  base: LayerBase,
  isFirst: boolean,
): Promise<readonly LayerAddition[]> {
  if (!isFirst && files.includes('-')) throw onlyOnce();
  const { openLayers } = await import('./layers.ts');
  return openLayers(session, files, base);
}

function onlyOnce(): OciError {
  return new OciError(
    'UNSUPPORTED',
    'The images of the index need the layer in several forms, and standard input can be read only once',
    { hint: 'Put the layer into a file, or choose images of one system with --platform' },
  );
}
