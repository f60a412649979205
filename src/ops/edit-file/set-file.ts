import { type ByteSource, pipe, streamOf } from '../../content/bytes.ts';
import { compressing } from '../../content/compression.ts';
import { spool, type Spool } from '../../content/spool.ts';
import { encodeTarHeader, type TarFields, tarFieldsOf } from '../../content/tar/encode-header.ts';
import { type TarInput, writeTar } from '../../content/tar/writer.ts';
import { OciError, quoted } from '../../errors.ts';
import { familyOf } from '../../oci/media-type-family.ts';
import type { Artifact } from '../../store/artifact.ts';
import { appendLayers } from '../edit/append-layers.ts';
import type { HistoryStep } from '../edit/image-edit.ts';
import { whiteoutOf } from '../filesystem/whiteout.ts';
import { layerType } from '../layers/new-layer.ts';
import { packLayer } from '../layers/pack-layer.ts';
import type { RewrittenArtifact } from '../layers/rewrite-images.ts';
import { type FilePlace, findFile, type FindFileOptions } from './find-file.ts';

export interface FileLayerHistory {
  /** The step of the history. @default one that says nothing */
  readonly history?: HistoryStep | undefined;
}

export interface SetFileOptions extends FindFileOptions, FileLayerHistory {
  /** Permission bits of a new file; what is there keeps its own. @default 0o555, as crane */
  readonly mode?: number | undefined;
  /** Modification time of a new file and new directories. @default 1970 */
  readonly mtime?: Date | undefined;
}

export interface RemoveFileOptions extends FindFileOptions, FileLayerHistory {}

/**
 * An image with one file changed or added, as a new layer. A file that is there keeps owner, mode, times and extended attributes;
 * a new one belongs to root, as do directories that were missing. Where the content is what it was the result has the same root.
 * crane-cli reference, section 9.10.
 *
 * @param path from the root, or what `findFile` found, which stays the caller's
 * @throws {OciError} as `findFile`; `UNSUPPORTED` for what is no regular file
 */
export async function setFile(
  artifact: Artifact,
  path: string | FilePlace,
  content: ByteSource,
  options: SetFileOptions = {},
): Promise<RewrittenArtifact> {
  const { signal, temporaryDirectory: directory } = options;
  const place = typeof path === 'string' ? await findFile(artifact, path, options) : path;
  let spooled: Spool | undefined;
  try {
    if (place.kind === 'directory' || place.kind === 'other') throw noFile(place);
    spooled = await spool(content, { directory, signal });
    const { digest, size } = spooled;
    if (place.file?.content.digest === digest) return unchanged(artifact);
    const directories = place.missing.map((name) => ({ header: directoryHeader(name, options.mtime) }));
    const blocks = encodeTarHeader(fileHeader(place, size, options), { times: 'pax' });
    const file = { blocks, size, body: contentOf(spooled, signal) };
    return await withLayer(artifact, [...directories, file], options);
  } finally {
    await spooled?.[Symbol.asyncDispose]();
    if (typeof path === 'string') await place[Symbol.asyncDispose]();
  }
}

/**
 * An image without a file or directory, which a new layer hides.
 *
 * @throws {OciError} as `findFile`; `NOT_FOUND` when nothing is there
 */
export async function removeFile(
  artifact: Artifact,
  path: string,
  options: RemoveFileOptions = {},
): Promise<RewrittenArtifact> {
  const place = await findFile(artifact, path, { followLink: false, ...options });
  await place[Symbol.asyncDispose]();
  if (place.kind === 'missing') throw new OciError('NOT_FOUND', `The image has no file or directory ${quoted(path)}`);
  return withLayer(artifact, [{ header: { name: whiteoutOf(place.path) } }], options);
}

function noFile({ path, kind }: FilePlace): OciError {
  const what =
    kind === 'directory' ? 'is a directory' : 'is neither a file nor a directory but a device, a pipe or a link';
  return new OciError('UNSUPPORTED', `${quoted(path)} ${what} in the image, and has no content to change`);
}

function unchanged({ store, root }: Artifact): RewrittenArtifact {
  return { store, root, async [Symbol.asyncDispose]() {} };
}

function directoryHeader(name: string, mtime: Date | undefined): TarFields {
  return { name: `${name}/`, type: 'directory', mode: 0o755, mtime: tarTime(mtime) };
}

function fileHeader({ path: name, file }: FilePlace, size: number, options: SetFileOptions): TarFields {
  if (file !== undefined) return { ...tarFieldsOf(file.header), name, size };
  return { name, size, mode: options.mode ?? 0o555, mtime: tarTime(options.mtime) };
}

function tarTime(date: Date | undefined): TarFields['mtime'] {
  return { seconds: Math.floor((date?.getTime() ?? 0) / 1000), nanoseconds: 0 };
}

/** Opened when it is read, so that nothing stays open when that never comes. */
async function* contentOf(spooled: Spool, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
  yield* await spooled.open({ signal });
}

async function withLayer(
  artifact: Artifact,
  entries: readonly TarInput[],
  { signal, temporaryDirectory: directory, history }: RemoveFileOptions,
): Promise<RewrittenArtifact> {
  const type = layerType(familyOf(artifact.root.mediaType) ?? 'oci', 'gzip');
  const tar = pipe(streamOf([]), () => writeTar(entries));
  const layer = await packLayer(tar, type, compressing({ kind: 'gzip' }), { directory, signal });
  try {
    const { descriptor, diffId, content } = layer;
    const { store, root } = await appendLayers(artifact, [{ descriptor, diffId, content, history }], { signal });
    return { store, root, [Symbol.asyncDispose]: () => layer[Symbol.asyncDispose]() };
  } catch (error) {
    await layer[Symbol.asyncDispose]();
    throw error;
  }
}
