import type { Compression } from '../../content/compression.ts';
import type { LayerAddition, LayersForImage } from '../../ops/edit/append-layers.ts';
import type { LayerBase } from '../../ops/layers/layer-base.ts';
import type { FileWarning } from '../../ops/layers/layer-from-files.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { statedTime } from './build-time.ts';
import { type DirectoryFlags, type DirectorySettings, directorySettings } from './directory-flags.ts';
import { layerLimit } from './layer-limit.ts';
import { type LayerObserver, layersForImages, openLayers, type OpenLayersOptions } from './layers.ts';

export interface LayersToAddFlags extends DirectoryFlags {
  readonly new_layer: readonly string[];
  readonly created: string;
  readonly history: string;
  readonly 'max-bytes': number;
}

/**
 * Reads what flags say of layers to add: archives first, then what directories hold. Nothing is opened yet but files with
 * patterns.
 *
 * @returns what the images of an artifact get
 * @throws {UsageError}; {OciError} `FILE_SYSTEM`, `INVALID_SETTINGS`
 */
export async function layersToAdd(
  session: Session,
  flags: LayersToAddFlags,
  compression: Compression,
): Promise<(artifact: Artifact, onBegin?: LayerObserver) => LayersForImage> {
  const { new_layer: files, created, history: text } = flags;
  const limit = layerLimit(flags['max-bytes']);
  const time = statedTime(session, created)?.toISOString();
  const directories = await directorySettings(session, flags, created);
  const stated = { created: time, createdBy: text === '' ? undefined : text };
  // Without a word of the user's the entry is crane's: digests depend on it.
  const ofArchives = text === '' && created === '' ? undefined : stated;
  const ofDirectories = { ...stated, createdBy: stated.createdBy ?? sourcesOf(directories) };
  return (artifact, onBegin) =>
    layersForImages(session, files, artifact, async (base, opened) => [
      ...(await openLayers(session, opened, base, { compression, limit, onBegin, history: ofArchives })),
      ...(await directoryLayers(session, directories, base, { compression, onBegin, history: ofDirectories })),
    ]);
}

function sourcesOf({ mappings }: DirectorySettings): string {
  const steps = mappings.map(({ source, destination = '/' }) => `COPY ${source as string} ${destination}`);
  return `${steps.join(' && ')} # crane append`;
}

async function directoryLayers(
  session: Session,
  { mappings, ...settings }: DirectorySettings,
  { family, os }: LayerBase,
  { compression, history, onBegin }: OpenLayersOptions,
): Promise<readonly LayerAddition[]> {
  if (mappings.length === 0) return [];
  const [{ layerFromFiles }, { windowsLayerTar }] = await Promise.all([
    import('../../ops/layers/layer-from-files.ts'),
    import('../../ops/layers/windows-layer.ts'),
  ]);
  const layer = await step(`adding ${mappings.map(({ source }) => source as string).join(', ')}`, () =>
    layerFromFiles(mappings, {
      ...settings,
      compression,
      onBegin,
      format: family,
      rewrite: os === 'windows' ? windowsLayerTar : undefined,
      onWarning: (warning) => session.log.warn(textOf(warning)),
      signal: session.signal,
    }),
  );
  const { descriptor, diffId, content } = session.use(layer);
  return [{ descriptor, diffId, content, history }];
}

function textOf({ reason, path }: FileWarning): string {
  switch (reason) {
    case 'socket':
      return `${path} was left out: layers have no sockets`;
    case 'whiteout':
      return `${path} deletes another file where the image is unpacked, since its name begins with .wh.`;
    case 'xattrs':
      return 'Files of --dir lose capabilities they may have: there is no GNU tar to read them (--xattrs none if they have none)';
    default:
      return reason satisfies never;
  }
}
