import { collect } from '../../content/bytes.ts';
import { readFileStream } from '../../content/file.ts';
import type { ErrorCode } from '../../errors.ts';
import { parseJson } from '../../oci/json.ts';
import type { Session } from '../session.ts';
import { isInteractive, withEditor } from './editor.ts';
import { compactJson, indentJson } from './json-text.ts';

/** A JSON document that is to be edited. */
export interface DocumentToEdit {
  /** For messages: `The new config`. */
  readonly what: string;
  /** Of the file that is opened in an editor. */
  readonly fileName: string;
  readonly bytes: Uint8Array;
  /** Most bytes that are taken. */
  readonly limit: number;
  readonly code: ErrorCode;
}

/**
 * Gets the new bytes of a document and hands them to `use`: all of standard input byte for byte, or with a terminal what is left
 * in an editor. A document on one line is shown with one for each member, and made one line again.
 */
export async function withEditedDocument<T>(
  session: Session,
  document: DocumentToEdit,
  use: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  const { what, limit, bytes, code } = document;
  if (!isInteractive(session))
    return use(await collect(session.streams.input(what.charAt(0).toLowerCase() + what.slice(1)), limit, what));
  const before = Buffer.from(bytes).toString();
  const isCompact = isJson(bytes) && compactJson(before) === before;
  const shown = isCompact ? `${indentJson(before)}\n` : before;
  return withEditor(session, { name: document.fileName, content: Buffer.from(shown) }, async (path) => {
    const edited = await collect(await readFileStream(path, session), 2 * limit, what);
    // Many editors end the last line of what they save.
    const text = Buffer.from(edited).toString();
    if (text === shown || text === `${shown}\n`) return use(bytes);
    parseJson(edited, what, code);
    return use(isCompact ? Buffer.from(compactJson(text)) : edited);
  });
}

function isJson(bytes: Uint8Array): boolean {
  try {
    parseJson(bytes, 'The document');
    return true;
  } catch {
    return false;
  }
}
