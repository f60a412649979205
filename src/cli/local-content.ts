import { stat } from 'node:fs/promises';
import { OciError, quoted } from '../errors.ts';

/** What local content is looked for as: a layout, an archive, or, where nothing says which, either. */
export type LocalContent = 'directory' | 'file' | 'file or directory';

const hints: Readonly<Record<LocalContent, string>> = {
  directory: 'Name the directory of an OCI layout, as crane pull --format oci writes it',
  file: 'Name an archive as crane pull or docker save writes it, or - for one on standard input',
  'file or directory': 'Name an archive, the directory of an OCI layout, or an image in a registry',
};

/**
 * Looks whether there is something to read, so that a path that leads nowhere is told as such.
 *
 * @throws {OciError} `NOT_FOUND`
 */
export async function checkThere(path: string, what: LocalContent): Promise<void> {
  if ((await stat(path).catch(() => undefined)) !== undefined) return;
  throw new OciError('NOT_FOUND', `There is no ${what} ${quoted(path)} to read images from`, { hint: hints[what] });
}
