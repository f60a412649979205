import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { craneCommands } from '../../src/cli/commands.ts';
import type { CommandEntry } from '../../src/cli/framework/command.ts';
import { gcraneProgram, ownNames } from '../../src/cli/gcrane-program.ts';
import { type Form, forms, type ImagePlace, imagePlaces, type ImagePlaces, packings } from '../support/image-places.ts';
import { CollectedOutput, craneInProcess, gcraneInProcess, type InProcessResult } from '../support/in-process.ts';
import { projectRoot } from '../support/paths.ts';
import { temporaryDirectory } from '../support/temp-directory.ts';
import { testDirectory } from '../support/test-directory.ts';

const page = readFileSync(join(projectRoot, 'docs/image-names.md'), 'utf8');

/** What a command does with a place: reads an image there, writes one, changes what is there. */
const roles = ['R', 'W', 'C'] as const;

type Role = (typeof roles)[number];

const verbs: Readonly<Record<Role, string>> = { R: 'reads', W: 'writes', C: 'changes' };

/** A command line, and what is piped into it where that is no image. */
interface Call {
  readonly args: readonly string[];
  readonly input?: Uint8Array | undefined;
}

interface BinaryResult extends InProcessResult {
  readonly bytes: Uint8Array;
}

type Place = Omit<ImagePlace, 'blob'> & Partial<ImagePlace>;

interface Row {
  /** By what is done with the place; for a role without a call nothing can be said of it. */
  readonly calls: Partial<Record<Role, (place: Place, places: ImagePlaces) => readonly string[] | Call>>;
  /** What standard output has when an image was read. */
  readonly shows?: RegExp;
  /** Whether it works on an index. */
  readonly onIndex?: boolean;
}

const amd64 = ['--platform', 'linux/amd64'];

function reading(command: string, shows: RegExp, ...flags: readonly string[]): Row {
  return { calls: { R: ({ name }) => [...command.split(' '), ...flags, name] }, shows };
}

/** A command that makes another image of one. */
function editing(command: string, ...flags: readonly string[]): Row {
  const call = [...command.split(' '), ...flags];
  return {
    calls: {
      R: ({ name }, { registry }) => [...call, name, '-t', `${registry.host}/other:x`],
      W: ({ name }, { image }) => [...call, image, '-t', name],
      C: ({ name }) => [...call, name],
    },
  };
}

/** The same, with the new content on standard input. */
function editingDocument(command: string, input: (places: ImagePlaces) => Uint8Array): Row {
  const call = [...command.split(' '), ...amd64];
  return {
    calls: {
      R: ({ name, input: archive }, places) => ({
        args: [...call, name, '-t', `${places.registry.host}/other:x`],
        input: archive ?? input(places),
      }),
      W: ({ name }, places) => ({ args: [...call, places.image, '-t', name], input: input(places) }),
      C: ({ name, input: archive }, places) => ({ args: [...call, name], input: archive ?? input(places) }),
    },
  };
}

/** One that works on the entries of an index. */
function editingIndex(command: string, ...rest: readonly string[]): Row {
  const call = command.split(' ');
  return {
    onIndex: true,
    calls: {
      R: ({ name }, { registry }) => [...call, name, ...rest, '-t', `${registry.host}/other:x`],
      W: ({ name }, { image }) => [...call, image, ...rest, '-t', name],
      C: ({ name }) => [...call, name, ...rest],
    },
  };
}

function copying(...command: readonly string[]): Row {
  return {
    calls: {
      R: ({ name }, { registry }) => [...command, name, `${registry.host}/other:x`],
      W: ({ name }, { image }) => [...command, image, name],
    },
  };
}

function copyingAll(...command: readonly string[]): Row {
  return {
    calls: {
      R: ({ whole }, { registry }) => [...command, whole, `${registry.host}/other`],
      W: ({ whole }, { registry }) => [...command, `${registry.host}/app`, whole],
    },
  };
}

/** Nothing that an image's name can stand for. */
function takingNone(...command: readonly string[]): Row {
  return { calls: { R: ({ name }) => [...command, name] } };
}

const rows: Readonly<Record<string, Row>> = {
  append: {
    calls: {
      R: ({ name }, { registry, file }) => [
        'append',
        '-b',
        name,
        '-f',
        file('layer.tar'),
        '-t',
        `${registry.host}/other:x`,
      ],
      W: ({ name }, { image, file }) => ['append', '-b', image, '-f', file('layer.tar'), '-t', name],
    },
  },
  'auth explain': takingNone('auth', 'explain'),
  'auth get': takingNone('auth', 'get'),
  'auth login': takingNone('auth', 'login', '-u', 'user', '-p', 'word'),
  'auth logout': takingNone('auth', 'logout'),
  'auth token': takingNone('auth', 'token'),
  base: {
    calls: { R: ({ name }, { registry }) => ['base', ...amd64, '--base', `${registry.host}/base:old`, name] },
    shows: /^up to date/,
  },
  blob: { calls: { R: ({ blob = '' }) => ['blob', blob] }, shows: /^\{"architecture":"amd64"/ },
  catalog: takingNone('catalog'),
  config: reading('config', /^\{"architecture":"amd64"/),
  convert: editing('convert', '--to', 'docker'),
  copy: copying('copy'),
  'copy --all-tags': copyingAll('copy', '--all-tags'),
  delete: { calls: { C: ({ name }) => ['delete', name] } },
  digest: reading('digest', /^sha256:[0-9a-f]{64}\n$/),
  'edit config': editingDocument('edit config', ({ config }) =>
    Buffer.from(Buffer.from(config).toString().replace('{}', '{"User":"app"}')),
  ),
  'edit fs': editing('edit fs', ...amd64, '-f', '/app-0.txt', '--delete'),
  'edit manifest': editingDocument('edit manifest', ({ manifest }) =>
    Buffer.from(Buffer.from(manifest).toString().replace('{', '{"annotations":{"a":"b"},')),
  ),
  export: { calls: { R: ({ name }) => ['export', name, '-'] }, shows: /app-1\.txt/ },
  flatten: editing('flatten'),
  'index append': {
    onIndex: true,
    calls: {
      R: ({ name }, { registry }) => ['index', 'append', '-m', name, '-t', `${registry.host}/other:x`],
      W: ({ name }, { image }) => ['index', 'append', '-m', image, '-t', name],
      C: ({ name }, { registry }) => ['index', 'append', name, `${registry.host}/base:new`],
    },
  },
  'index filter': editingIndex('index filter', ...amd64),
  'index list': { ...reading('index list', /linux\/arm64/), onIndex: true },
  'index remove': editingIndex('index remove', 'linux/arm64'),
  inspect: reading('inspect', /linux\/amd64/),
  'layout gc': { calls: { C: ({ whole }) => ['layout', 'gc', whole] } },
  ls: { calls: { R: ({ whole }) => ['ls', whole] }, shows: /v1\n$/ },
  manifest: reading('manifest', /^\{"schemaVersion":2/),
  mutate: editing('mutate', '-l', 'team=web'),
  pull: {
    calls: {
      R: ({ name }, { file }) => ['pull', name, file('pulled.tar')],
      W: ({ name }, { image }) => ['pull', image, name],
    },
  },
  push: {
    calls: {
      R: ({ name }, { registry }) => ['push', name, `${registry.host}/other:x`],
      W: ({ name }, { file }) => ['push', file('layout'), name],
    },
  },
  'push --all-tags': {
    calls: {
      R: ({ whole }, { registry }) => ['push', '--all-tags', whole, `${registry.host}/other`],
      W: ({ whole }, { file }) => ['push', '--all-tags', file('app.tar.plain'), whole],
    },
  },
  rebase: {
    calls: {
      R: (place, places) => rebase(place.name, places, '-t', `${places.registry.host}/other:x`),
      W: ({ name }, places) => rebase(places.image, places, '-t', name),
      C: ({ name }, places) => rebase(name, places),
    },
  },
  recompress: editing('recompress', '--compression', 'none'),
  'registry serve': takingNone('registry', 'serve'),
  tag: { calls: { C: ({ name }) => ['tag', name, 'again'] } },
  validate: reading('validate', /^PASS: /),
  version: takingNone('version'),
  'gcrane copy': copying('copy'),
  'gcrane copy --recursive': copyingAll('copy', '--recursive'),
  'gcrane gc': { calls: { C: ({ whole }) => ['gc', '--delete', whole] } },
  'gcrane ls': { calls: { R: ({ whole }) => ['ls', whole] }, shows: /:v1\n/ },
  'gcrane ls --recursive': { calls: { R: ({ whole }) => ['ls', '--recursive', whole] }, shows: /:v1\n/ },
};

function rebase(image: string, { registry }: ImagePlaces, ...rest: readonly string[]): readonly string[] {
  const bases = ['--old_base', `${registry.host}/base:old`, '--new_base', `${registry.host}/base:new`];
  return ['rebase', ...amd64, image, ...bases, ...rest];
}

const table = readTable();
let shared: ImagePlaces;

beforeAll(async () => {
  const directory = await temporaryDirectory();
  shared = await imagePlaces(directory.path);
  return async () => {
    await shared[Symbol.asyncDispose]();
    await directory.remove();
  };
});

describe('the table of docs/image-names.md', () => {
  it('has each command of crane, and those of gcrane that are its own, and no others', () => {
    const commands = [
      ...namesIn(craneCommands),
      ...namesIn(gcraneProgram.commands.filter(({ name }) => ownNames.has(name))).map((name) => `gcrane ${name}`),
    ];
    const listed = Array.from(table.keys(), (name) => name.replace(/ --.*$/, ''));
    expect(Array.from(new Set(listed)).toSorted()).toEqual(commands.toSorted());
  });

  it('is run by this test row for row', () => {
    expect(Object.keys(rows).toSorted()).toEqual(Array.from(table.keys()).toSorted());
    for (const [name, cells] of table) {
      const claimed = new Set(Array.from(cells.values()).join('').replaceAll('–', ''));
      const untested = Array.from(claimed).filter((role) => rows[name]?.calls[role as Role] === undefined);
      expect([name, untested]).toEqual([name, []]);
    }
  });
});

for (const [name, cells] of table) {
  const row = rows[name];
  if (row === undefined) continue;
  describe(name.startsWith('gcrane') ? name : `crane ${name}`, () => {
    for (const role of roles) {
      if (row.calls[role] === undefined) continue;
      for (const [form, claims] of cells) {
        if (claims.includes(role)) it(`${verbs[role]} ${form}`, () => works(name, row, role, form));
        else it(`refuses what ${verbs[role]} ${form}`, () => isRefused(name, row, role, form));
      }
    }
  });
}

async function works(name: string, row: Row, role: Role, form: Form): Promise<void> {
  const archives: readonly Form[] = ['oci-archive:', 'docker-archive:', '-'];
  const isArchive = role === 'R' && archives.includes(form);
  for (const packing of isArchive ? packings : (['plain'] as const)) {
    await using places = await imagePlaces(await testDirectory());
    const place = role === 'W' ? places.target(form, row.onIndex) : places.source(form, packing, row.onIndex);
    const before = await places.state();
    const result = await run(name, row, role, place, places);
    const shown = `${packing}: ${result.stdout.slice(0, 2000)} ${result.stderr}`;
    expect(`${result.code} ${shown}`).toMatch(/^0 /);
    if (row.shows !== undefined) expect(result.stdout, shown).toMatch(row.shows);
    else if (form !== '-' || role === 'R') expect(await places.state(), shown).not.toEqual(before);
    if (role === 'W') await isWritten(name, form, place, places, result);
  }
}

/** What was written is an image that is whole; what went to standard output is nothing else. */
async function isWritten(
  name: string,
  form: Form,
  { whole }: Place,
  { env, engine, directory: home, image }: ImagePlaces,
  { bytes }: BinaryResult,
): Promise<void> {
  if (form === 'docker-daemon:') {
    expect(engine.loads.length + engine.tagged.length).toBeGreaterThan(0);
    return;
  }
  if (form === '-') {
    const read = await craneInProcess(['validate', '-'], { home, env, input: bytes });
    expect(read).toMatchObject({ code: 0, stdout: expect.stringMatching(/^PASS: /) as string });
    return;
  }
  const [tag] = /:v1$|:new$/.exec(name.includes(' --') ? image : ':new') ?? [];
  const read = await craneInProcess(['validate', `${whole}${tag}`], { home, env });
  expect(read).toMatchObject({ code: 0, stdout: expect.stringMatching(/^PASS: /) as string });
}

/** Nothing changes, so that these share their places. */
async function isRefused(name: string, row: Row, role: Role, form: Form): Promise<void> {
  const place = role === 'W' ? shared.target(form) : shared.source(form);
  const before = await shared.state();
  const { code, stdout, stderr } = await run(name, row, role, place, shared);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.match(/^Error: .+$/gm), stderr).toHaveLength(1);
  expect(stderr).not.toContain('internal error');
  const value = form === '-' ? '-' : form === 'registry' ? shared.registry.host : form;
  expect(stderr).toContain(value);
  expect(await shared.state()).toEqual(before);
}

async function run(name: string, { calls }: Row, role: Role, place: Place, places: ImagePlaces): Promise<BinaryResult> {
  const output = new CollectedOutput();
  const made = calls[role]?.(place, places) ?? [];
  const call = 'args' in made ? made : { args: made };
  const program = name.startsWith('gcrane ') ? gcraneInProcess : craneInProcess;
  const input = call.input ?? place.input;
  return {
    ...(await program(call.args, { home: places.directory, env: places.env, input, output })),
    bytes: output.bytes,
  };
}

function readTable(): ReadonlyMap<string, ReadonlyMap<Form, string>> {
  const [, header = '', body = ''] = /^(\| Command \|.*)\n\|[ |-]*\n((?:\|.*\n)+)/m.exec(page) ?? [];
  const titles = cellsOf(header).slice(1);
  if (titles.join() !== forms.join()) throw new Error(`The table has the columns ${titles.join()}`);
  return new Map(
    body
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [name = '', ...cells] = cellsOf(line);
        return [name, new Map(forms.map((form, i) => [form, cells[i] ?? '']))];
      }),
  );
}

function cellsOf(line: string): readonly string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim().replaceAll('`', ''));
}

function namesIn<C, G>(entries: readonly CommandEntry<C, G>[], parent = ''): readonly string[] {
  return entries.flatMap(({ name, subcommands }) =>
    subcommands === undefined ? [`${parent}${name}`] : namesIn(subcommands, `${parent}${name} `),
  );
}
