import { makeDirectory } from '../../content/make-directory.ts';
import { cleanPath } from '../../content/tar/path.ts';
import { OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { MergeLayersOptions } from '../filesystem/export.ts';
import type { LayerLog } from '../filesystem/layer-log.ts';
import { Limits } from '../filesystem/limits.ts';
import { Merge } from '../filesystem/merge.ts';
import { PagedMemory } from '../filesystem/paged-memory.ts';
import { configOf, imageManifestOf } from '../read.ts';
import { type FileEntry, LayerSearch } from './layer-search.ts';
import { resolvePath } from './resolve-path.ts';

export interface FindFileOptions extends MergeLayersOptions {
  /** Whether a symbolic link at the path itself stands for what it leads to. @default true */
  readonly followLink?: boolean | undefined;
}

/** A place in the file system of an image. What it holds exists until it is disposed of. */
export interface FilePlace extends AsyncDisposable {
  /** From the root, without a leading slash, symbolic links resolved. */
  readonly path: string;
  readonly kind: 'missing' | 'file' | 'directory' | 'other';
  /** The regular file that is there, its content in a temporary file. */
  readonly file: FileEntry | undefined;
  /** Directories on the way that the image has not, the uppermost first. */
  readonly missing: readonly string[];
}

/**
 * Looks for a path in the file system that the layers of an image make together. Layers are read from the top, and no further
 * than it takes to know; each is verified.
 *
 * @param path with or without a leading slash
 * @throws {OciError} `INVALID_REFERENCE` for a path that names nothing; `UNSUPPORTED` for an index, an artifact, and a path that
 *   leads through what is no directory; `NOT_FOUND`, `INVALID_ARCHIVE`, `INVALID_CONFIG`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`,
 *   `LIMIT_EXCEEDED`
 */
export async function findFile(artifact: Artifact, path: string, options: FindFileOptions = {}): Promise<FilePlace> {
  const { layers, root } = await layersOf(artifact, options);
  const limits = new Limits(layers, options.maxEntries, options.maxBytes);
  const search = new LayerSearch(artifact.store, limits, options);
  const wanted = placedIn(root, path);
  const { maxMemory: size, temporaryDirectory: directory } = options;
  if (directory !== undefined) await makeDirectory(directory);
  using memory = new PagedMemory({ size, directory });
  const merge = new Merge({ memory, maxEntries: limits.maxEntries, keepsWhiteouts: false });
  const logs: LayerLog[] = [];
  let isClear = true;
  for (const layer of layers.toReversed()) {
    const { log, file, isUnclear } = await search.scan(layer, wanted, merge);
    isClear &&= !isUnclear;
    if (file !== undefined && isClear) return placeOf(wanted, { kind: 'file', file });
    await file?.content[Symbol.asyncDispose]();
    logs.unshift(log);
  }
  for (const [index, log] of logs.entries()) {
    await merge.apply(log, index, options);
    log.clear();
  }
  return await placeIn(merge, wanted, layers, search, options.followLink ?? true);
}

async function layersOf(
  artifact: Artifact,
  options: FindFileOptions,
): Promise<{ readonly layers: readonly Descriptor[]; readonly root: string }> {
  const { config, layers } = await imageManifestOf(artifact, options);
  if (!isImageConfigType(config.mediaType)) {
    throw new OciError('UNSUPPORTED', `${artifact.root.digest} is an artifact and no image: it has no file system`, {
      hint: 'crane blob reads what it holds',
    });
  }
  const { os } = await configOf(artifact, options);
  return { layers, root: os === 'windows' ? 'Files' : '' };
}

/** Layers of Windows images have the file system below `Files`. */
function placedIn(root: string, path: string): string {
  const clean = cleanPath(root === '' ? path : path.replaceAll('\\', '/').replace(/^[a-z]:/i, ''));
  if (clean === '' || clean.startsWith('..') || clean.includes('\0')) {
    throw new OciError('INVALID_REFERENCE', `${quoted(path)} names no file in an image`, {
      hint: 'Write its path from the root: /etc/motd',
    });
  }
  return root === '' || clean.startsWith(`${root}/`) ? clean : `${root}/${clean}`;
}

function placeOf(
  path: string,
  { kind, file, missing = [] }: Pick<FilePlace, 'kind'> & Partial<Pick<FilePlace, 'file' | 'missing'>>,
): FilePlace {
  const dispose = async (): Promise<void> => file?.content[Symbol.asyncDispose]();
  return { path, kind, file, missing, [Symbol.asyncDispose]: dispose };
}

async function placeIn(
  merge: Merge,
  wanted: string,
  layers: readonly Descriptor[],
  search: LayerSearch,
  followLink: boolean,
): Promise<FilePlace> {
  const { path, node, missing } = resolvePath(merge, wanted, followLink);
  const { tree, inodes } = merge;
  if (node === 0) return placeOf(path, { kind: 'missing', missing });
  if (tree.isDirectory(node)) return placeOf(path, { kind: 'directory' });
  const inode = tree.dataOf(node);
  const layer = layers[inodes.layerOf(inode)];
  const file =
    layer === undefined || inodes.isSymlink(inode) ? undefined : await search.entryAt(layer, inodes.ordinalOf(inode));
  return placeOf(path, file === undefined ? { kind: 'other' } : { kind: 'file', file });
}
