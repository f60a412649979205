import { appendLayers } from '../../ops/edit/append-layers.ts';
import { layerBaseOf } from '../../ops/layers/layer-base.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';
import { openLayers } from './layers.ts';

/** An image with layers from files on top. */
export async function layeredImage(session: Session, image: Artifact, files: readonly string[]): Promise<Artifact> {
  const base = await layerBaseOf(image, session);
  return appendLayers(base.image, await openLayers(session, files, base), session);
}
