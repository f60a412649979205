import { platform } from 'node:os';
import { cleanPath } from '../../content/tar/path.ts';
import { OciError, quoted } from '../../errors.ts';

/** Which file or directory goes where. */
export interface FileMapping {
  /** A path; bytes where the system's name is no text. A symbolic link is followed here, and only here. */
  readonly source: string | Uint8Array;
  /**
   * Where it goes, from the root of the image. What a directory holds goes below it; a file gets this name, or keeps its own
   * below it when it ends in a slash.
   *
   * @default '/'
   */
  readonly destination?: string | undefined;
  /** Lines of a `.dockerignore` for what is below the source, in place of those for all mappings. @default those */
  readonly ignore?: Iterable<string> | undefined;
}

/**
 * Reads `SRC[:DEST]`. DEST begins with a slash, so that colons may stand in SRC, also that of `C:\dir`.
 *
 * @param system whose paths they are, as `process.platform` calls it
 * @throws {OciError} `INVALID_SETTINGS` when SRC is empty or DEST leads out of the image
 */
export function parseFileMapping(text: string, system: string = platform()): FileMapping {
  const at = text.lastIndexOf(':/');
  // On Windows `C:/dir` is a path; a file of one letter is written `./C:/dir` there.
  const isDrive = system === 'win32' && at === 1 && /^[a-z]:\/(?!\/)/i.test(text);
  const mapping = at < 0 || isDrive ? { source: text } : { source: text.slice(0, at), destination: text.slice(at + 1) };
  if (mapping.source === '') {
    throw new OciError('INVALID_SETTINGS', `${quoted(text)} names no file or directory`, {
      hint: 'Write SRC or SRC:/DEST',
    });
  }
  destinationOf(mapping.destination);
  return mapping;
}

/**
 * The parts of a destination, and whether it ends in a slash.
 *
 * @throws {OciError} `INVALID_SETTINGS` when it leads out of the image
 */
export function destinationOf(destination = '/'): { readonly parts: readonly string[]; readonly isFolder: boolean } {
  if (destination.includes('\0') || destination.split('/').includes('..')) {
    throw new OciError('INVALID_SETTINGS', `Nothing can be put at ${quoted(destination)} of an image`, {
      hint: 'Write the path without ..',
    });
  }
  const path = cleanPath(destination);
  return { parts: path === '' ? [] : path.split('/'), isFolder: path === '' || /\/\.?$/.test(destination) };
}
