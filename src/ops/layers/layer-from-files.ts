import { readlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { type ByteTransform, pipe, streamOf } from '../../content/bytes.ts';
import { type Compression, compressing } from '../../content/compression.ts';
import { type IgnoreRules, ignoreRules } from '../../content/ignore-rules.ts';
import type { SpoolOptions } from '../../content/spool.ts';
import { encodeTarHeader, type TarFields } from '../../content/tar/encode-header.ts';
import type { TarTime } from '../../content/tar/entry.ts';
import { decodeText } from '../../content/tar/text.ts';
import { type TarInput, writeTar } from '../../content/tar/writer.ts';
import type { MediaTypeFamily } from '../../oci/media-type-family.ts';
import type { CallOptions } from '../../options.ts';
import { DiskPace } from './disk-pace.ts';
import { type AttributeChoice, type AttributeRecords, withAttributes } from './extended-attributes.ts';
import { fileBody, isSmall, SmallFiles } from './file-body.ts';
import type { FileMapping } from './file-mapping.ts';
import { type FoundFile, missingOr, type Origin, walkFiles } from './file-walk.ts';
import { layerType, type NewLayer } from './new-layer.ts';
import { packLayer } from './pack-layer.ts';

export interface FileLayerOptions extends CallOptions, Pick<SpoolOptions, 'directory' | 'onBegin'> {
  /** @default gzip, level 1 */
  readonly compression?: Compression | undefined;
  /** Makes another archive of it, such as {@link windowsLayerTar}. @default none */
  readonly rewrite?: ByteTransform | undefined;
  /** Whose media type the layer has. @default 'oci' */
  readonly format?: MediaTypeFamily | undefined;
  /** Whom everything belongs to; `'kept'` takes the numbers of the disk. @default 0 and 0 */
  readonly owner?: { readonly uid: number; readonly gid: number } | 'kept' | undefined;
  /** What becomes of the mode of every file and directory; links have none. @default modes are kept */
  readonly mode?: ModeChange | undefined;
  /** When everything was changed, in whole seconds since 1970, as `SOURCE_DATE_EPOCH` gives it; `'kept'` takes the times of the disk. @default 0 */
  readonly mtime?: number | 'kept' | undefined;
  /**
   * Lines of a `.dockerignore`, for paths below the directory that a mapping names. See {@link ignoreRules}.
   *
   * @default nothing is left out
   */
  readonly ignore?: Iterable<string> | undefined;
  /**
   * Whether directories that lead to a destination are entries, too: mode 0755, but 1777 for `/tmp` and `/var/tmp`, 0700 for
   * `/root`. Without entries they stay what they are in the image; some programs make missing ones unreadable.
   *
   * @default true
   */
  readonly parents?: boolean | undefined;
  /**
   * Extended attributes that come along: capabilities alone, or what users set as well (`user.*`). GNU tar reads them, on Linux.
   *
   * @default none, for which no other program is needed
   */
  readonly xattrs?: AttributeChoice | undefined;
  readonly onWarning?: ((warning: FileWarning) => void) | undefined;
}

/** Bits taken from modes, and bits given then. */
export interface ModeChange {
  readonly clear?: number | undefined;
  readonly set?: number | undefined;
  /** Given to directories, and to files that somebody may execute: `X` of chmod. */
  readonly setWhereExecutable?: number | undefined;
}

/** Something that a caller may not expect. */
export interface FileWarning {
  /**
   * `socket`: it was left out, a tar archive has none. `whiteout`: in a layer its name deletes another file. `xattrs`: there is no
   * GNU tar, so that no capabilities could be looked for; told once.
   */
  readonly reason: 'socket' | 'whiteout' | 'xattrs';
  /** On the disk; empty for `xattrs`. */
  readonly path: string;
}

/**
 * Directories and files as a layer. The same tree gives the same tar archive and so the same diff ID on every machine: names in
 * the order of their bytes, owners, times and modes as told. Hard links within what is put in stay hard links; symbolic links,
 * devices and pipes are kept and never followed; names need not be UTF-8. Extended attributes are kept only where `xattrs` asks
 * for them: Node cannot read them. Memory does not grow with the tree, except for its hard links and its largest directory.
 *
 * @throws {OciError} `NOT_FOUND`, `FILE_SYSTEM` naming the file that cannot be read, changed or vanished, `CONFLICT` when a file
 *   stands where a directory has to be, `INVALID_SETTINGS` for a wrong destination or pattern, `UNSUPPORTED` as for
 *   `layerFromTar`
 */
export async function layerFromFiles(
  mappings: readonly FileMapping[],
  options: FileLayerOptions = {},
): Promise<NewLayer> {
  const { compression = { kind: 'gzip' }, format = 'oci' } = options;
  const compress = compressing(compression);
  const mediaType = layerType(format, compression.kind);
  const rules = ignoreRules(options.ignore ?? []);
  const tar = pipe(streamOf([]), () => writeTar(entriesOf(mappings, rules, options)));
  const { rewrite } = options;
  return packLayer(rewrite === undefined ? tar : pipe(tar, rewrite), mediaType, compress, options);
}

/** How files are read. */
interface Disk {
  readonly pace: DiskPace;
  readonly small: SmallFiles;
}

/** How many small files are read ahead. */
const filesAhead = 16;

/** Reading a file elsewhere takes several turns of the thread pool: those of the next files go on meanwhile. */
async function* entriesOf(
  mappings: readonly FileMapping[],
  rules: IgnoreRules,
  options: FileLayerOptions,
): AsyncGenerator<TarInput, void> {
  const links = new HardLinks();
  const disk = { pace: new DiskPace(), small: new SmallFiles() };
  const ahead: Promise<TarInput>[] = [];
  try {
    for await (const [found, attributes] of filesIn(mappings, rules, options, disk.pace)) {
      if (isLeftOut(found, options)) continue;
      const linkname = links.first(found);
      const entry = entryOf(found, linkname, attributes, options, disk);
      if (ahead.length === 0 && !(entry instanceof Promise)) {
        yield entry;
        continue;
      }
      const later = Promise.resolve(entry);
      // It is awaited in its turn, maybe after another has failed.
      later.catch(() => {});
      ahead.push(later);
      const [next] = ahead.length === filesAhead ? ahead.splice(0, 1) : [];
      if (next !== undefined) yield await next;
    }
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function* filesIn(
  mappings: readonly FileMapping[],
  rules: IgnoreRules,
  { xattrs, signal, onWarning }: FileLayerOptions,
  pace: DiskPace,
): AsyncGenerator<readonly [FoundFile, AttributeRecords | undefined], void> {
  const files = walkFiles(mappings, rules, pace);
  if (xattrs === undefined) for await (const file of files) yield [file, undefined];
  else yield* withAttributes(files, xattrs, () => onWarning?.({ reason: 'xattrs', path: '' }), { signal });
}

function isLeftOut({ name, origin }: FoundFile, { parents = true, onWarning }: FileLayerOptions): boolean {
  if (origin === undefined) return !parents;
  const isSocket = origin.stats.isSocket();
  if (isSocket) onWarning?.({ reason: 'socket', path: decodeText(origin.path) });
  else if (/(?:^|\/)\.wh\.[^/]*$/.test(name)) onWarning?.({ reason: 'whiteout', path: decodeText(origin.path) });
  return isSocket;
}

/** The first name of each file that has several. */
class HardLinks {
  readonly #first = new Map<string, { readonly name: string; left: bigint }>();

  /** The name that the same file had before. */
  first({ name, origin }: FoundFile): string | undefined {
    if (origin === undefined || !origin.stats.isFile() || origin.stats.nlink < 2n) return undefined;
    const { dev, ino, nlink } = origin.stats;
    const key = `${dev}:${ino}`;
    const known = this.#first.get(key);
    if (known === undefined) this.#first.set(key, { name, left: nlink - 1n });
    // A file that comes under all its names need not be remembered any longer.
    else if (--known.left === 0n) this.#first.delete(key);
    return known?.name;
  }
}

function entryOf(
  { name, origin }: FoundFile,
  linkname: string | undefined,
  attributes: AttributeRecords | undefined,
  options: FileLayerOptions,
  { pace, small }: Disk,
): TarInput | Promise<TarInput> {
  if (origin === undefined) return parentEntry(name, options);
  const { stats } = origin;
  const plain = { name, mode: modeOf(origin, options), ...ownerOf(origin, options), mtime: timeOf(origin, options) };
  if (linkname !== undefined) return { header: { ...plain, type: 'hardlink', linkname } };
  const header = attributes === undefined || attributes.size === 0 ? plain : { ...plain, pax: attributes };
  if (stats.isDirectory()) return { header: { ...header, name: `${name}/`, type: 'directory' } };
  if (stats.isSymbolicLink()) return linkEntry(header, origin);
  if (!stats.isFile()) return { header: { ...header, ...deviceOf(origin) } };
  const ofFile = { ...header, type: 'file', size: Number(stats.size) } as const;
  const entry = isSmall(origin) ? pace.here(() => small.entry(encodeTarHeader(ofFile), origin)) : undefined;
  return entry === undefined ? fileEntry(ofFile, origin) : { entry };
}

/** A directory that leads to a destination. */
function parentEntry(name: string, { owner = { uid: 0, gid: 0 }, mtime = 0 }: FileLayerOptions): TarInput {
  const ids = owner === 'kept' ? { uid: 0, gid: 0 } : owner;
  const seconds = mtime === 'kept' ? 0 : mtime;
  const mode = parentModes.get(name) ?? 0o755;
  return { header: { name: `${name}/`, type: 'directory', mode, ...ids, mtime: { seconds, nanoseconds: 0 } } };
}

async function linkEntry(header: TarFields, origin: Origin): Promise<TarInput> {
  return { header: { ...header, type: 'symlink', linkname: await targetOf(origin) } };
}

async function fileEntry(header: TarFields, origin: Origin): Promise<TarInput> {
  return { header, body: await fileBody(origin) };
}

const parentModes: ReadonlyMap<string, number> = new Map([
  ['tmp', 0o1777],
  ['var/tmp', 0o1777],
  ['root', 0o700],
]);

function ownerOf({ stats }: Origin, { owner = { uid: 0, gid: 0 } }: FileLayerOptions): Pick<TarFields, 'uid' | 'gid'> {
  return owner === 'kept' ? { uid: Number(stats.uid), gid: Number(stats.gid) } : { uid: owner.uid, gid: owner.gid };
}

function modeOf({ stats }: Origin, { mode = {} }: FileLayerOptions): number {
  const own = Number(stats.mode & 0o7777n);
  if (stats.isSymbolicLink()) return 0o777;
  const isExecutable = stats.isDirectory() || (own & 0o111) !== 0;
  return (own & ~(mode.clear ?? 0)) | (mode.set ?? 0) | (isExecutable ? (mode.setWhereExecutable ?? 0) : 0);
}

function timeOf({ stats }: Origin, { mtime = 0 }: FileLayerOptions): TarTime {
  if (mtime !== 'kept') return { seconds: mtime, nanoseconds: 0 };
  const nanoseconds = Number(((stats.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  return { seconds: Number((stats.mtimeNs - BigInt(nanoseconds)) / 1_000_000_000n), nanoseconds };
}

async function targetOf({ path }: Origin): Promise<string> {
  try {
    return decodeText(await readlink(path, { encoding: 'buffer' }));
  } catch (error) {
    throw missingOr(error, path, 'FILE_SYSTEM');
  }
}

/** Systems pack the two numbers of a device each in its own way. */
function deviceOf({ stats }: Origin): Partial<TarFields> & Pick<TarFields, 'type'> {
  if (stats.isFIFO()) return { type: 'fifo' };
  const { rdev } = stats;
  const [major, minor] =
    platform() === 'linux'
      ? [((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn), (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)]
      : [(rdev >> 24n) & 0xffn, rdev & 0xffffffn];
  const type = stats.isBlockDevice() ? 'block-device' : 'character-device';
  return { type, devmajor: Number(major), devminor: Number(minor) };
}
