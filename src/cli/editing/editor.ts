import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteSource } from '../../content/bytes.ts';
import { fileFault } from '../../content/file-fault.ts';
import { readFileStream, writeFileAtomically } from '../../content/file.ts';
import { Digester } from '../../content/hash.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import type { Session } from '../session.ts';
import { type ForegroundEnd, type ForegroundProgram, runInForeground } from './foreground.ts';

/** What somebody is to edit. */
export interface EditorText {
  /** The last part of the path: editors tell by it what kind of text it is. */
  readonly name: string;
  readonly content: ByteSource;
}

/** Whether there is somebody to open an editor for; else what comes on standard input is the new content, as for crane. */
export function isInteractive({ process: { stdin, stdout } }: Session): boolean {
  return stdin.isTTY && stdout.isTTY;
}

/**
 * Opens a text in the user's editor, in a directory that nobody else may look into, and hands what has become of it to `use`.
 * Afterwards the text is deleted. But where `use` fails, so that the work would be lost, it is kept, and the error says where.
 *
 * @throws {OciError} `FILE_SYSTEM` when the editor cannot be started or fails
 */
export async function withEditor<T>(
  session: Session,
  { name, content }: EditorText,
  use: (path: string) => Promise<T>,
): Promise<T> {
  await session.endProgress();
  const prefix = join(tmpdir(), `${session.process.program}-edit-`);
  const folder = await mkdtemp(prefix).catch((error: unknown) => {
    throw fileFault(error, 'write', prefix);
  });
  const path = join(folder, fileName(name));
  let keep = false;
  try {
    await writeFileAtomically(path, content, { mode: 0o600, signal: session.signal });
    const before = await digestOfFile(path);
    try {
      await runEditor(session, path);
      return await use(path);
    } catch (error) {
      keep = (await digestOfFile(path).catch(() => before)) !== before;
      throw keep ? withPath(session, error, path) : error;
    }
  } finally {
    if (!keep) await rm(folder, { recursive: true, force: true });
  }
}

/** What the system takes for a name. */
function fileName(name: string): string {
  const clean = name.replaceAll(/[^\w.+@ -]/g, '_').slice(-100);
  return /^[. ]*$/.test(clean) ? 'file' : clean;
}

async function digestOfFile(path: string): Promise<string> {
  const digester = new Digester();
  for await (const chunk of await readFileStream(path)) digester.update(chunk);
  return digester.finish();
}

function withPath(session: Session, error: unknown, path: string): unknown {
  if (!isOciError(error)) {
    session.log.note(`What was written is kept in ${path}`);
    return error;
  }
  const { code, message, hint } = error;
  return new OciError(code, `${message} (what was written is kept in ${quoted(path)})`, {
    hint: hint ?? `Correct it and pipe it in: < ${path}`,
    cause: error,
  });
}

async function runEditor(session: Session, path: string): Promise<void> {
  const { env, platform } = session.process;
  const editor =
    [env['VISUAL'], env['EDITOR']].find((text) => text !== undefined && text.trim() !== '') ?? fallback(platform);
  const program = await programFor(editor, path, platform);
  let end: ForegroundEnd;
  try {
    end = await runInForeground(program, { env, signal: session.signal });
  } catch (error) {
    if (session.signal.aborted) throw error;
    throw failed(editor, `cannot be started: ${messageOf(error)}`, error);
  }
  const { code, signal } = end;
  if (code === 0) return;
  if (code === 127) throw failed(editor, 'was not found');
  if (code === 126) throw failed(editor, 'cannot be executed');
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  throw new OciError('FILE_SYSTEM', `The editor ${quoted(editor)} ${how}, so nothing was changed`);
}

function fallback(platform: NodeJS.Platform): string {
  return platform === 'win32' ? 'notepad' : 'vi';
}

/** As git reads it: a command line for the shell. Only a program whose path has blanks need not be quoted. */
async function programFor(editor: string, path: string, platform: NodeJS.Platform): Promise<ForegroundProgram> {
  const found = /\s/.test(editor) ? await stat(editor).catch(() => undefined) : undefined;
  if (found?.isFile() === true) return { file: editor, args: [path] };
  if (platform === 'win32') return { file: `${editor} "${path}"`, args: [], shell: true };
  // In the place of the shell, so that signals reach it, wherever the line is but one program.
  const isProgram = /^[^;&|(){}<>`\n]*$/.test(editor) && !/^\s*\w+=/.test(editor);
  return { file: 'sh', args: ['-c', `${isProgram ? 'exec ' : ''}${editor} "$@"`, editor, path] };
}

function failed(editor: string, reason: string, cause?: unknown): OciError {
  return new OciError('FILE_SYSTEM', `The editor ${quoted(editor)} ${reason}`, {
    cause,
    hint: 'Name another one in EDITOR, or pipe the new content in',
  });
}
