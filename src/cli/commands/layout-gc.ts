import { OciError, quoted } from '../../errors.ts';
import { collectGarbage } from '../../layout/collect-garbage.ts';
import type { LayoutFile } from '../../layout/content-files.ts';
import { parseDuration } from '../editing/duration.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, custom } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { jsonFlag, printJson } from '../json-result.ts';
import { checkThere } from '../local-content.ts';
import { hasLocalPrefix, parseLocation } from '../location.ts';
import { printableLine } from '../printable.ts';
import { sizeText } from '../progress/words.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'OCI-LAYOUT',
  description:
    'Delete the content of an OCI layout that cannot be reached from its index.json. Images and indexes keep all they need, with what refers to them (signatures, SBOMs, attestations) and what they refer to. Remains of writes that were broken off go when they are an hour old; other files that are no content are left alone. Nothing is deleted when a manifest is missing or damaged, nor while another crane adds to the layout.',
  examples: 'crane layout gc ./layout\ncrane layout gc --dry-run ./layout\ncrane layout gc --min-age 1h ./layout',
  arguments: exactly(1),
  flags: {
    'dry-run': bool({ description: 'Delete nothing, and print what would be deleted with its size' }),
    json: jsonFlag('Print a JSON object: what was deleted, or would be, and what was left alone'),
    'ignore-missing': bool({
      description: 'Go on where a manifest is missing or damaged; what only it needs is deleted',
    }),
    'min-age': custom<number>({
      description: 'Leave files alone that changed less long ago, as 90s or 1h: for layouts other programs write to',
      valueName: 'duration',
      initial: 0,
      parse: (text) => parseDuration(text) / 1e6,
    }),
  },
  async run({ args: [name = ''], flags, globals, context: session }) {
    const dryRun = flags['dry-run'];
    const announce = ({ path, digest }: LayoutFile): void => {
      if (!globals.quiet) session.log.plain(`garbage collecting: ${printableLine(digest ?? path)}`);
    };
    const path = pathOf(name);
    await checkThere(path, 'directory');
    const { garbage, young, foreign } = await collectGarbage(path, {
      dryRun,
      ignoreMissing: flags['ignore-missing'],
      minAge: flags['min-age'],
      onFile: dryRun ? undefined : announce,
      signal: session.signal,
    });
    if (flags.json) return printJson(session, { dryRun, ...garbageJson(garbage), young: young.map(fileJson), foreign });
    const total = `${count(garbage)}, ${sizeText(garbage.reduce((sum, { size }) => sum + size, 0))}`;
    if (dryRun) {
      const lines = garbage.map(({ path, digest, size }) => `${printableLine(digest ?? path)} ${sizeText(size)}\n`);
      await session.print(`${lines.join('')}would delete ${total}\n`);
    } else {
      session.log.line(`deleted ${total}`);
    }
    if (young.length > 0) session.log.line(`left ${count(young)} alone, younger than --min-age`);
    if (foreign.length > 0) session.log.line(`left alone what is no content: ${foreign.slice(0, 5).join(', ')}`);
  },
});

function garbageJson(files: readonly LayoutFile[]): object {
  return { deleted: files.map(fileJson), bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

function fileJson({ path, digest, size }: LayoutFile): object {
  return { path, digest, size };
}

function count(files: readonly LayoutFile[]): string {
  return `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
}

function pathOf(name: string): string {
  if (!hasLocalPrefix(name)) return name;
  const location = parseLocation(name);
  if (location.kind === 'oci' && location.tag === undefined && location.digest === undefined) return location.path;
  throw new OciError('UNSUPPORTED', `${quoted(name)} is no layout as a whole`, {
    hint: 'Name the directory of an OCI layout',
  });
}
