import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { ignoreRules } from '../../content/ignore-rules.ts';
import { quoted } from '../../errors.ts';
import type { FileMapping } from '../../ops/layers/file-mapping.ts';
import type { FileLayerOptions } from '../../ops/layers/layer-from-files.ts';
import { custom, type Flag, type FlagsOf, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Session } from '../session.ts';
import { readTime, statedTime } from './build-time.ts';

/** What goes into a layer of files, and how. */
export interface DirectoryFlags {
  readonly dir: readonly string[];
  readonly chown: string;
  readonly chmod: string;
  readonly mtime: string;
  readonly xattrs: string;
  readonly exclude: readonly string[];
  readonly 'ignore-file': string;
}

export const directoryFlags: FlagsOf<DirectoryFlags> = {
  dir: texts({
    valueName: 'SRC[:/DEST]',
    description:
      'Directory or file to add, what SRC holds going below DEST, by default /; all of them together are one layer, on top of those of -f',
  }),
  chown: string({
    initial: '0:0',
    description: 'Owner of what --dir adds, as UID[:GID]; keep leaves the numbers it has here',
  }),
  chmod: string({
    description: 'Mode of what --dir adds, as 755 or u=rwX,go=rX; what it has here when left out',
  }),
  mtime: string({
    description:
      'Time of what --dir adds, as --created takes it; that of --created or SOURCE_DATE_EPOCH when left out, else 1970; keep leaves the times it has here',
  }),
  xattrs: string({
    initial: 'capabilities',
    description:
      'Extended attributes of what --dir adds: capabilities, all (user.* as well) or none; on Linux, where GNU tar reads them',
    complete: () => ['capabilities', 'all', 'none'],
  }),
  exclude: texts({
    valueName: 'pattern',
    description: 'Leave out what fits, as a line of a .dockerignore does; after those of the file',
  }),
  'ignore-file': string({
    description: 'File in the place of the .dockerignore of each SRC; /dev/null for none',
  }),
};

/** What `layerFromFiles` is to be given. */
export interface DirectorySettings extends Pick<FileLayerOptions, 'owner' | 'mode' | 'mtime' | 'xattrs'> {
  readonly mappings: readonly FileMapping[];
}

/** @throws {UsageError} for values that mean nothing; {OciError} `FILE_SYSTEM`, `INVALID_SETTINGS` */
export async function directorySettings(
  session: Session,
  flags: DirectoryFlags,
  created: string,
): Promise<DirectorySettings> {
  const { parseFileMapping } = await import('../../ops/layers/file-mapping.ts');
  const settings = {
    owner: ownerOf(flags.chown),
    mode: modeOf(flags.chmod),
    mtime: mtimeOf(session, flags, created),
    xattrs: attributesOf(flags.xattrs),
  };
  const mappings = flags.dir.map((text) => parseFileMapping(text, session.process.platform));
  const common = flags['ignore-file'] === '' ? undefined : await linesOf(flags['ignore-file']);
  const ignoring = mappings.map(async ({ source, destination }) => {
    const own = common ?? (await linesOf(join(source as string, '.dockerignore'), true));
    const ignore = [...own, ...flags.exclude];
    // What is wrong with a pattern is told before anything is asked for.
    ignoreRules(ignore);
    return { source, destination, ignore };
  });
  return { ...settings, mappings: await Promise.all(ignoring) };
}

/** Each occurrence is one text, commas and all. */
function texts(options: { readonly valueName: string; readonly description: string }): Flag<readonly string[]> {
  return custom<readonly string[]>({
    ...options,
    initial: [],
    repeatable: true,
    parse: (text, earlier = []) => [...earlier, text],
  });
}

function ownerOf(text: string): FileLayerOptions['owner'] {
  if (text === 'keep') return 'kept';
  const [, uid = '', gid = uid] = /^(\d+)(?::(\d+))?$/.exec(text) ?? [];
  if (uid !== '' && Number(uid) < 2 ** 32 && Number(gid) < 2 ** 32) return { uid: Number(uid), gid: Number(gid) };
  throw new UsageError(
    `invalid argument ${quoted(text)} for "--chown" flag: write UID, UID:GID or keep; names mean nothing outside of the image`,
  );
}

function modeOf(text: string): FileLayerOptions['mode'] {
  if (text === '') return undefined;
  if (/^[0-7]{1,4}$/.test(text)) return { clear: 0o7777, set: Number.parseInt(text, 8) };
  let mode = { clear: 0, set: 0, setWhereExecutable: 0 };
  for (const clause of text.split(',')) {
    const [, who = '', sign = '', letters = ''] = /^([ugoa]*)([+=-])([rwxXst]*)$/.exec(clause) ?? [];
    if (sign === '') {
      throw new UsageError(
        `invalid argument ${quoted(text)} for "--chmod" flag: write an octal number such as 755, or clauses such as u=rwX,go-w`,
      );
    }
    mode = withClause(mode, who.includes('a') || who === '' ? 'ugo' : who, sign, letters);
  }
  return mode;
}

function withClause({ clear, set, setWhereExecutable }: Mode, who: string, sign: string, letters: string): Mode {
  const bits = bitsOf(who, letters.replace('X', ''));
  const conditional = letters.includes('X') ? bitsOf(who, 'x') : 0;
  if (sign === '+') {
    return { clear, set: set | bits, setWhereExecutable: setWhereExecutable | conditional };
  }
  const cleared = sign === '=' ? bitsOf(who, 'rwxst') : bits | conditional;
  return {
    clear: clear | cleared,
    set: (set & ~cleared) | (sign === '=' ? bits : 0),
    setWhereExecutable: (setWhereExecutable & ~cleared) | (sign === '=' ? conditional : 0),
  };
}

interface Mode {
  readonly clear: number;
  readonly set: number;
  readonly setWhereExecutable: number;
}

function bitsOf(who: string, letters: string): number {
  let bits = 0;
  for (const [letter, bit] of [
    ['r', 4],
    ['w', 2],
    ['x', 1],
  ] as const) {
    if (!letters.includes(letter)) continue;
    if (who.includes('u')) bits |= bit << 6;
    if (who.includes('g')) bits |= bit << 3;
    if (who.includes('o')) bits |= bit;
  }
  if (letters.includes('s')) bits |= (who.includes('u') ? 0o4000 : 0) | (who.includes('g') ? 0o2000 : 0);
  if (letters.includes('t')) bits |= 0o1000;
  return bits;
}

function mtimeOf(session: Session, { mtime }: DirectoryFlags, created: string): FileLayerOptions['mtime'] {
  if (mtime === 'keep') return 'kept';
  const time = mtime === '' ? statedTime(session, created) : readTime(mtime, '--mtime');
  return time === undefined ? undefined : Math.floor(time.getTime() / 1000);
}

function attributesOf(text: string): FileLayerOptions['xattrs'] {
  if (text === 'capabilities' || text === 'all') return text;
  if (text === 'none') return undefined;
  throw new UsageError(`invalid argument ${quoted(text)} for "--xattrs" flag: it has to be capabilities, all or none`);
}

async function linesOf(path: string, mayBeMissing = false): Promise<readonly string[]> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (mayBeMissing && missing) return [];
    throw fileFault(error, 'read', path);
  }
}
