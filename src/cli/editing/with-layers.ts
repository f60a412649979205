import { appendToImages } from '../../ops/edit/append-layers.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { layersForImages, type OpenLayersOptions, openLayers } from './layers.ts';

/** An image with layers from files on top, or an index whose images have them: all, or those for `--platform`. */
export async function withLayers(
  session: Session,
  artifact: Artifact,
  files: readonly string[],
  options: OpenLayersOptions,
): Promise<Artifact> {
  const layersFor = layersForImages(session, files, artifact, (base, opened) =>
    openLayers(session, opened, base, options),
  );
  const platforms = session.platforms.length === 0 ? undefined : session.platforms;
  return step(`appending [${files.join(' ')}]`, () =>
    appendToImages(artifact, layersFor, { platforms, signal: session.signal }),
  );
}
