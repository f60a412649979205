import { OciError, quoted } from '../../errors.ts';

/** A name inside an archive without `.`, doubled slashes, a leading or a final slash. What `..` takes back is taken back; what leaves the root stays. */
export function cleanPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** The target of a link that stands in `directory`, or `undefined` when it leaves the root. */
export function joinClean(directory: string, target: string): string | undefined {
  const path = cleanPath(target.startsWith('/') ? target : `${directory}/${target}`);
  return path === '..' || path.startsWith('../') ? undefined : path;
}

/**
 * A name from an archive as a relative path that is safe to create below a directory. For extraction only: names that go
 * from one archive into another are never changed. Links that were extracted before are the caller's to guard against.
 *
 * @param platform the system whose file names it will be, as `process.platform` gives it
 * @returns the path, `/` separated; the empty string is the directory itself
 * @throws {OciError} `INVALID_ARCHIVE` when the name leaves the directory or means something else to the system
 */
export function safePath(name: string, platform: string): string {
  const reason = dangerOf(name, platform);
  if (reason !== undefined) {
    throw new OciError('INVALID_ARCHIVE', `The archive's entry ${quoted(name)} is not extracted: ${reason}`);
  }
  return cleanPath(name);
}

function dangerOf(name: string, platform: string): string | undefined {
  if (name.includes('\0')) return 'its name has a NUL';
  if (name.split('/').includes('..')) return 'its name leads to a parent directory';
  if (platform !== 'win32') return undefined;
  const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
  for (const part of name.split('/')) {
    if (/[\\:*?"<>|\p{Cc}]/u.test(part)) return 'its name has a character that Windows gives a meaning';
    if (reserved.test(part) || /[. ]$/.test(part.replace(/^\.$/, ''))) return 'its name is reserved on Windows';
  }
  return undefined;
}
