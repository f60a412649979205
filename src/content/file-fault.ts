import { tmpdir } from 'node:os';
import { OciError, quoted } from '../errors.ts';

/**
 * Gives a failure of the file system words: what could not be done to which file, and why. Other errors pass unchanged.
 *
 * @returns an {@link OciError} with the code `FILE_SYSTEM`, or `error` itself
 */
export function fileFault(error: unknown, action: FileAction, path: string): unknown {
  if (error instanceof OciError || !isSystemError(error)) return error;
  const { code, message, syscall } = error;
  const plain = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  const why = (reasons[code] ?? plain.split(`, ${syscall}`)[0]) as string;
  const temporary = temporaryFile.exec(path)?.[1];
  if (temporary !== undefined) {
    const hint =
      temporary === tmpdir() ? 'Set TMPDIR to a directory where files can be made and there is room' : hints[code];
    return new OciError('FILE_SYSTEM', `Cannot write temporary files in ${quoted(temporary)}: ${why}`, {
      cause: error,
      hint,
    });
  }
  return new OciError('FILE_SYSTEM', `Cannot ${action} ${quoted(path)}: ${why}`, { cause: error, hint: hints[code] });
}

export type FileAction = 'read' | 'write' | 'delete' | 'make the directory';

/** What Node throws when the operating system refuses something. */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'syscall' in error &&
    typeof error.syscall === 'string'
  );
}

/** As they are called where layers are unpacked or packed, or something is edited; users know the directory only. */
const temporaryFile = /^(.+)[\\/](?:crane-oci-[0-9a-f]{24}(?:[\\/]content)?|g?crane-edit-|crane-registry-)$/s;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'there is a file of that name, not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file system takes no file of that size',
  ENAMETOOLONG: 'the name is too long',
};

const hints: Readonly<Record<string, string>> = {
  ENOENT: 'Make the directory first',
  ENOSPC: 'Free some space, or choose another place',
  EISDIR: 'Choose another name',
  EMFILE: 'Raise the limit of open files (ulimit -n)',
};
