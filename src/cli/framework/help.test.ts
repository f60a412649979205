import { describe, expect, test } from 'vitest';
import { renderHelp } from './help.ts';
import { runSample } from './sample-program.ts';

const programFlags = `\
      --insecure            Allow plain HTTP
      --platform platform   Choose \`os/arch\` (default all)
  -v, --verbose             Log more
`;

const programUsage = `\
Usage:
  crane [flags]
  crane [command]

Available Commands:
  append      Put layers on top
  auth        Work with credentials
  completion  Print a script that lets a shell complete commands, flags and names
  copy        Move an image
  delete      Remove an image
  digest      Show a digest
  help        Show the help of any command
  index       Work with indexes
  ls          List tags
  mutate      Change settings
  pull        Fetch images
  registry    ${''}
  version     Show the version

Flags:
  -h, --help                Show the help of crane
      --insecure            Allow plain HTTP
      --password-stdin      Read a password
      --platform platform   Choose \`os/arch\` (default all)
  -u, --username string     Name for this command line
  -v, --verbose             Log more

Run "crane [command] --help" to learn more about a command.
`;

const authUsage = `\
Usage:
  crane auth [flags]
  crane auth [command]

Available Commands:
  login       Store a password

Flags:
  -h, --help   Show the help of auth

Global Flags:
${programFlags}
Run "crane auth [command] --help" to learn more about a command.
`;

const copyHelp = `\
Move an image

Usage:
  crane copy SRC DST [flags]

Aliases:
  copy, cp

Flags:
  -a, --all-tags     Copy every tag
  -h, --help         Show the help of copy
  -j, --jobs int     How many at once (default 4)
  -n, --no-clobber   Keep what is there

Global Flags:
${programFlags}`;

const loginHelp = `\
Store a password

Usage:
  crane auth login SERVER [flags]

Examples:
  # Store it
  crane auth login example.com

Flags:
  -h, --help              Show the help of login
  -u, --username string   Name

Global Flags:
${programFlags}`;

const filterHelp = `\
Keep some platforms

Usage:
  crane index filter INDEX [flags]

Flags:
  -h, --help                   Show the help of filter
      --platform platform(s)   Keep these

Global Flags:
      --insecure   Allow plain HTTP
  -v, --verbose    Log more
`;

const mutateHelp = `\
Change settings

Usage:
  crane mutate [flags]

Flags:
      --cmd strings            Command
  -e, --env keyToValue         Variable
  -h, --help                   Show the help of mutate
  -l, --label stringToString   Label (default [])

Global Flags:
${programFlags}`;

const registryHelp = `\
Usage:
  crane registry [command]

Available Commands:
  serve       Listen

Flags:
  -h, --help   Show the help of registry

Global Flags:
${programFlags}
Run "crane registry [command] --help" to learn more about a command.
`;

const layoutHelp = `\
Usage:

Flags:
  -h, --help   Show the help of layout

Global Flags:
${programFlags}`;

describe('help on standard output', () => {
  test.each<[argv: string, text: string]>([
    ['--help', `Work with images\n\n${programUsage}`],
    ['-h', `Work with images\n\n${programUsage}`],
    ['-h nosuch', `Work with images\n\n${programUsage}`],
    ['help', `Work with images\n\n${programUsage}`],
    ['auth -h', `Work with credentials\n\n${authUsage}`],
    ['auth nosuch --help', `Work with credentials\n\n${authUsage}`],
    ['help auth nosuch', `Work with credentials\n\n${authUsage}`],
    ['copy A B C -h', copyHelp],
    ['-v cp --help', copyHelp],
    ['help cp', copyHelp],
    ['-h copy', copyHelp],
    ['help auth login', loginHelp],
    ['index filter --help', filterHelp],
    ['mutate --help', mutateHelp],
    ['registry', registryHelp],
    ['layout', layoutHelp],
  ])('crane %s', async (argv, text) => {
    const { code, out, err, ran } = await runSample(argv.split(' '));
    expect(out).toBe(text);
    expect({ code, err, ran }).toEqual({ code: 0, err: '', ran: [] });
  });

  test('a description stands in for the summary', async () => {
    const { out } = await runSample(['append', '-h']);
    expect(out).toMatch(/^Put layers on top of an image\.\n\nWithout a base the image starts empty\.\n\nUsage:\n/);
  });

  test('hidden commands are not listed and have help nevertheless', async () => {
    expect((await runSample(['help', 'edit'])).out).toMatch(/^Change by hand\n\nUsage:\n {2}crane edit \[flags\]\n/);
    expect((await runSample(['layout', 'gc', '-h'])).out).toContain('crane layout gc [flags]');
  });

  test('crane completion lists the shells', async () => {
    const { code, out } = await runSample(['completion']);
    expect(code).toBe(0);
    expect(out.match(/^ {2}(?:bash|fish|powershell|zsh) /gm)).toHaveLength(4);
  });
});

describe('the description', () => {
  const page = {
    path: 'crane',
    name: 'crane',
    summary: '',
    hidden: false,
    usageLines: [],
    aliases: [],
    examples: undefined,
    commands: [],
    nameWidth: 11,
    flags: [],
    globalFlags: [],
  };

  test('is broken between words where a line is longer than 80 characters', () => {
    const [description = ''] = renderHelp({ ...page, description: `${'word '.repeat(60)}end` }).split('\n\n');
    expect(description.split('\n').map((line) => line.length)).toEqual([79, 79, 79, 63]);
    expect(description.replaceAll('\n', ' ')).toBe(`${'word '.repeat(60)}end`);
  });

  test('keeps indented lines and words of any length', () => {
    const description = `First:\n    ${'code '.repeat(30)}\n${'x'.repeat(100)} end`;
    expect(renderHelp({ ...page, description })).toContain(
      `First:\n    ${'code '.repeat(30)}\n${'x'.repeat(100)}\nend`,
    );
  });
});

describe('usage on standard error', () => {
  test.each<[argv: readonly string[], text: string]>([
    [[], programUsage],
    [['--'], programUsage],
    [[''], programUsage],
    [['--', 'digest', 'x'], programUsage],
    [['-u', 'U'], programUsage],
    [['auth'], authUsage],
    [['help', 'nosuch'], `Unknown help topic [\`nosuch\`]\n${programUsage}`],
    [['help', 'a b', '`'], `Unknown help topic [\`a b\` "\`"]\n${programUsage}`],
  ])('crane %j', async (argv, text) => {
    const { code, out, err } = await runSample(argv);
    expect(err).toBe(text);
    expect({ code, out }).toEqual({ code: 0, out: '' });
  });
});
