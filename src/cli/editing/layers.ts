import { stat } from 'node:fs/promises';
import type { Compression } from '../../content/compression.ts';
import type { GrowingContent } from '../../content/growing-file.ts';
import { OciError, quoted } from '../../errors.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { LayerAddition, LayersForImage } from '../../ops/edit/append-layers.ts';
import type { HistoryStep } from '../../ops/edit/image-edit.ts';
import type { LayerBase } from '../../ops/layers/layer-base.ts';
import type { NewLayer } from '../../ops/layers/new-layer.ts';
import type { Artifact } from '../../store/artifact.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { namingFlags } from './merge-flags.ts';

/** Called with what goes to a temporary file, while it is made. */
export type LayerObserver = (content: GrowingContent) => void;

/** An archive that a flag names. */
export interface LayerFile {
  /** As typed. */
  readonly name: string;
  /** Where it is: elsewhere when it was standard input. */
  readonly path: string;
}

export interface OpenLayersOptions {
  /** What plain archives are compressed with. @default gzip, level 1, as crane does */
  readonly compression?: Compression | undefined;
  /** What the history says of each. @default nothing, as crane writes it */
  readonly history?: HistoryStep | undefined;
  /** Most bytes of an archive without compression. @default no limit */
  readonly limit?: number | undefined;
  readonly onBegin?: LayerObserver | undefined;
}

/**
 * Reads tar archives that flags name, `-` for standard input, as layers for an image: with its media types, and as Windows has
 * them if it is one of Windows. Temporary files last as long as the session.
 *
 * @throws {UsageError} when standard input is something else already; {OciError} as `layerFromTar`
 */
export async function openLayers(
  session: Session,
  files: readonly LayerFile[],
  base: LayerBase,
  options: OpenLayersOptions = {},
): Promise<readonly LayerAddition[]> {
  if (files.length === 0) return [];
  const layers: LayerAddition[] = [];
  for (const file of files) {
    const layer = session.use(
      await step(`reading layer ${quoted(file.name)}`, () =>
        namingFlags(() => openLayer(session, file, base, options)),
      ),
    );
    const { descriptor, diffId, content } = layer;
    layers.push({ descriptor, diffId, content, history: options.history });
  }
  return layers;
}

/**
 * Layers for the images of an artifact: opened once for each family and kind of system that they need to be made for.
 *
 * @param names of files, or `-` for standard input
 * @param open is given the files, one of which standard input may have become
 * @throws {UsageError} for standard input given twice
 */
export function layersForImages(
  session: Session,
  names: readonly string[],
  artifact: Artifact,
  open: (base: LayerBase, files: readonly LayerFile[]) => Promise<readonly LayerAddition[]>,
): LayersForImage {
  if (names.filter((name) => name === '-').length > 1) {
    throw new UsageError('standard input (-) can be read as one layer only');
  }
  const known = new Map<string, Promise<readonly LayerAddition[]>>();
  const named = names.map((name) => ({ name, path: name }));
  const files = isIndexType(artifact.root.mediaType) ? withoutStdin(session, named) : Promise.resolve(named);
  files.catch(() => {});
  return async (base) => {
    const form = `${base.family} ${base.os === 'windows' ? 'windows' : ''}`;
    const layers = known.get(form) ?? files.then((list) => open(base, list));
    known.set(form, layers);
    return layers;
  };
}

/** Images may need it in several forms, and it can be read only once. */
async function withoutStdin(session: Session, files: readonly LayerFile[]): Promise<readonly LayerFile[]> {
  if (!files.some(({ path }) => path === '-') || session.process.stdin.isTTY) return files;
  const { spool } = await import('../../content/spool.ts');
  const { path } = session.use(await spool(session.streams.input('a layer'), session));
  return files.map((file) => (file.path === '-' ? { ...file, path } : file));
}

async function openLayer(
  session: Session,
  { name, path }: LayerFile,
  { family, os }: LayerBase,
  { compression, limit, onBegin }: OpenLayersOptions,
): Promise<NewLayer> {
  const { layerFromTar } = await import('../../ops/layers/layer-from-tar.ts');
  const { windowsLayerTar } = await import('../../ops/layers/windows-layer.ts');
  const { signal, process } = session;
  const source = path === '-' ? session.streams.input('a layer') : await checkedPath(path);
  if (path === '-' && process.stdin.isTTY) {
    throw new OciError('NOT_FOUND', 'There is no layer on standard input', {
      hint: 'Pipe one in: tar -c DIR | crane …',
    });
  }
  return layerFromTar(source, {
    compression,
    limit,
    onBegin,
    signal,
    name: name === '-' ? 'The layer on standard input' : undefined,
    format: family,
    untyped: 'recompress',
    rewrite: os === 'windows' ? windowsLayerTar : undefined,
    onRecompress: (from, to) =>
      session.log.warn(
        `Layer ${name} was compressed anew with ${to}: images with Docker media types cannot have ${from} layers`,
      ),
  });
}

/** What crane says of a file that is not there; a directory would be read as an archive. */
async function checkedPath(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) {
    throw new OciError('NOT_FOUND', `stat ${file}: no such file or directory`, {
      hint: 'Name a tar archive, plain or compressed with gzip or zstd, or - for standard input',
    });
  }
  if (!found.isDirectory()) return file;
  throw new OciError('UNSUPPORTED', `${quoted(file)} is a directory, and a layer is read from a tar archive`, {
    hint: 'crane append --dir makes a layer of a directory',
  });
}
