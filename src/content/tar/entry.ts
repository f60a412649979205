/** Kinds of tar entries. What is stored for a type this list does not know is treated as a file's body. */
export type TarEntryType =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'unknown';

/** A moment with the precision of a PAX record, which a double does not have. Before 1970 `seconds` is negative. */
export interface TarTime {
  readonly seconds: number;
  /** 0 to 999,999,999, counted forward from `seconds`. */
  readonly nanoseconds: number;
}

/** How an entry's header was written. */
export type TarFormat = 'v7' | 'ustar' | 'pax' | 'gnu';

/** One header of those that stand before an entry's body, as its bytes are in the archive, padding included. */
export interface TarHeaderPart {
  readonly kind: 'pax' | 'pax-global' | 'gnu-long-name' | 'gnu-long-link' | 'entry';
  readonly bytes: Uint8Array;
}

/** Where the data of a sparse file belongs; holes between are zeros. */
export interface TarSparse {
  /** Length of the file with its holes, in bytes. */
  readonly realSize: number;
  /** Absent for PAX sparse version 1.0, which keeps the map at the start of the body. */
  readonly map?: readonly TarSparseRange[] | undefined;
}

export interface TarSparseRange {
  readonly offset: number;
  readonly length: number;
}

/** An entry's header with all extension headers applied. POSIX pax, "ustar Interchange Format" and "pax Header Block". */
export interface TarHeader {
  /** As written, `/` separated, directories with their final slash. Hostile: see `safePath` before using it on a disk. */
  readonly name: string;
  readonly type: TarEntryType;
  /** The type byte: `'0'` file, `'5'` directory and so on; a NUL is given as `'0'`, or `'5'` when the name ends in a slash. */
  readonly typeflag: string;
  /** Target of a link; empty otherwise. */
  readonly linkname: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Bytes stored in the archive: 0 for links, devices and directories, without the holes for sparse files. */
  readonly size: number;
  readonly mtime: TarTime;
  readonly devmajor: number;
  readonly devminor: number;
  /** PAX records in force, global ones included, e.g. `SCHILY.xattr.user.x`. Binary values are as `decodeText` gives them. */
  readonly pax: ReadonlyMap<string, string>;
  readonly sparse?: TarSparse | undefined;
  readonly format: TarFormat;
}

/** Length of a tar block, in bytes. */
export const blockSize = 512;

/** Bytes from the end of a body of `size` bytes to the next block. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
