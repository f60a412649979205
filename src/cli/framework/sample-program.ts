import { type ArgumentRule, atLeast, atMost, exactly, none } from './arguments.ts';
import { type Command, type CommandEntry, defineCommand, type Outputs, type Program, usageOnly } from './command.ts';
import { bool, custom, type Flag, type Flags, int, keyValue, string, strings, stringToString } from './flag.ts';
import { runCommandLine } from './run.ts';

/** For the tests of this folder: a program with one command of every kind, which notes what was run. */
export interface Sample extends Outputs {
  readonly ran: unknown[];
  readonly loaded: string[];
}

export interface SampleGlobals {
  readonly insecure: boolean;
  readonly platform: string | undefined;
  readonly verbose: boolean;
}

export interface SampleLeading {
  readonly username: string;
  readonly 'password-stdin': boolean;
}

export type SampleCommand = Command<Sample, SampleGlobals & SampleLeading>;
export type SampleEntry = CommandEntry<Sample, SampleGlobals & SampleLeading>;
export type SampleProgram = Program<Sample, SampleGlobals, SampleLeading>;

export interface SampleResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly ran: readonly unknown[];
  readonly loaded: readonly string[];
}

export async function runSample(
  argv: readonly string[],
  program: (loaded: string[]) => SampleProgram = sampleProgram,
): Promise<SampleResult> {
  const out: string[] = [];
  const err: string[] = [];
  const ran: unknown[] = [];
  const loaded: string[] = [];
  const context: Sample = {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    ran,
    loaded,
  };
  const code = await runCommandLine(program(loaded), argv, context);
  return { code, out: out.join(''), err: err.join(''), ran, loaded };
}

export function sampleProgram(loaded: string[] = []): SampleProgram {
  const load = (name: string, command: SampleCommand): NonNullable<SampleEntry['load']> => {
    return async () => {
      loaded.push(name);
      return { command };
    };
  };
  const commands: readonly SampleEntry[] = [
    { name: 'version', summary: 'Show the version', load: load('version', noting('version', none)) },
    { name: 'append', summary: 'Put layers on top', load: load('append', append) },
    {
      name: 'auth',
      summary: 'Work with credentials',
      load: load('auth', usageOnly(none)),
      subcommands: [{ name: 'login', summary: 'Store a password', load: load('auth login', login) }],
    },
    { name: 'copy', aliases: ['cp'], summary: 'Move an image', load: load('copy', copy) },
    { name: 'digest', summary: 'Show a digest', load: load('digest', noting('digest', atMost(1))) },
    { name: 'delete', summary: 'Remove an image', load: load('delete', failing) },
    { name: 'edit', summary: 'Change by hand', hidden: true, load: load('edit', noting('edit', exactly(1))) },
    {
      name: 'index',
      summary: 'Work with indexes',
      load: load('index', usageOnly(exactly(1))),
      subcommands: [{ name: 'filter', summary: 'Keep some platforms', load: load('index filter', filter) }],
    },
    {
      name: 'layout',
      summary: '',
      subcommands: [{ name: 'gc', summary: 'x', hidden: true, load: load('layout gc', noting('gc', exactly(1))) }],
    },
    { name: 'ls', summary: 'List tags', load: load('ls', noting('ls', exactly(1))) },
    { name: 'mutate', summary: 'Change settings', load: load('mutate', mutate) },
    { name: 'pull', summary: 'Fetch images', load: load('pull', pull) },
    {
      name: 'registry',
      summary: '',
      subcommands: [{ name: 'serve', summary: 'Listen', load: load('registry serve', noting('serve', none)) }],
    },
  ];
  return {
    name: 'crane',
    summary: 'Work with images',
    flags: {
      insecure: bool({ description: 'Allow plain HTTP' }),
      platform: platform({ description: 'Choose `os/arch`', complete: () => ['linux/amd64', 'linux/arm64'] }),
      verbose: bool({ shorthand: 'v', description: 'Log more' }),
    },
    leadingFlags: {
      username: string({ shorthand: 'u', description: 'Name for this command line' }),
      'password-stdin': bool({ description: 'Read a password' }),
    },
    commands,
    before: ({ context, path }) => {
      context.ran.push(`before ${path}`);
    },
    after: ({ context, path }) => {
      context.ran.push(`after ${path}`);
    },
    reportError: (error, { stderr }) => {
      stderr.write(`reported: ${error instanceof Error ? error.message : String(error)}\n`);
      return 7;
    },
  };
}

const append: SampleCommand = defineCommand({
  description: 'Put layers on top of an image.\n\nWithout a base the image starts empty.',
  arguments: none,
  flags: {
    base: string({ shorthand: 'b', description: 'Start here' }),
    new_tag: string({ shorthand: 't', description: 'Name of the result', required: true }),
    new_layer: strings({ shorthand: 'f', description: 'Layer files', required: true }),
    'oci-empty-base': bool({ description: 'Start with OCI types' }),
  },
  exclusive: [['oci-empty-base', 'base']],
  run({ context, flags }) {
    // The assignments show that the types follow from the flags.
    const base: string = flags.base;
    const layers: readonly string[] = flags.new_layer;
    context.ran.push({ base, layers });
  },
});

const login: SampleCommand = defineCommand({
  usage: 'SERVER',
  examples: '# Store it\ncrane auth login example.com',
  arguments: exactly(1),
  flags: { username: string({ shorthand: 'u', description: 'Name' }) },
  run({ args, context, flags, globals, changed }) {
    context.ran.push({ args, own: flags.username, global: globals.username, changed: changed('username') });
  },
});

const copy: SampleCommand = defineCommand({
  usage: 'SRC DST',
  arguments: exactly(2),
  flags: {
    'all-tags': bool({ shorthand: 'a', description: 'Copy every tag' }),
    jobs: int({ shorthand: 'j', description: 'How many at once', initial: 4 }),
    'no-clobber': bool({ shorthand: 'n', description: 'Keep what is there' }),
  },
  complete: ({ args }) => [{ value: `image-${args.length}`, description: 'known\nimage' }],
  run({ args, context, flags }) {
    context.ran.push({ args, ...flags });
    return flags.jobs === 99 ? 3 : 0;
  },
});

const failing: SampleCommand = defineCommand({
  arguments: exactly(1),
  run() {
    throw new Error('no such image');
  },
});

const filter: SampleCommand = defineCommand({
  usage: 'INDEX',
  arguments: exactly(1),
  flags: {
    platform: custom<readonly string[]>({
      valueName: 'platform(s)',
      description: 'Keep these',
      initial: [],
      repeatable: true,
      parse: (text, earlier = []) => [...earlier, text],
    }),
  },
  run({ context, flags, globals, changed }) {
    context.ran.push({ own: flags.platform, global: globals.platform, changed: changed('platform') });
  },
});

const mutate: SampleCommand = defineCommand({
  arguments: exactly(1),
  flags: {
    cmd: strings({ description: 'Command' }),
    env: keyValue({ shorthand: 'e', description: 'Variable' }),
    label: stringToString({ shorthand: 'l', description: 'Label' }),
    old: string({ description: 'Former name', deprecated: 'use --cmd' }),
    secret: string({ description: 'Nobody sees it', hidden: true }),
  },
  run({ args, context, flags }) {
    context.ran.push({ args, cmd: flags.cmd, env: flags.env, label: [...flags.label] });
  },
});

const pull: SampleCommand = defineCommand({
  usage: 'IMAGE PATH',
  arguments: atLeast(2),
  flags: { format: string({ description: 'Kind of file', initial: 'tarball', valueName: 'format' }) },
  run: ({ args, context }) => {
    context.ran.push(args);
  },
});

function noting(name: string, rule: ArgumentRule): SampleCommand {
  const flags: Flags = {};
  return defineCommand({
    arguments: rule,
    flags,
    run({ args, context, globals }) {
      context.ran.push({ name, args, ...globals });
    },
  });
}

function platform(options: Pick<Flag<string | undefined>, 'description' | 'complete'>): Flag<string | undefined> {
  return custom({
    ...options,
    valueName: 'platform',
    initial: undefined,
    shownDefault: 'all',
    parse: (text) => {
      if (text.split('/').length > 3) throw new Error(`too many slashes in platform spec: ${text}`);
      return text === 'all' ? undefined : text;
    },
  });
}
