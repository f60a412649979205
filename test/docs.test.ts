import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { collect, collectVerified, gunzipping, streamOf, VerifiedStream } from 'crane-oci/content';
import { imageForPlatform, isOciError, openArchive, openLayout } from 'crane-oci';
import { parseDigest, parseImageConfig, parseManifest, parsePlatform, parseReference } from 'crane-oci/oci';
import { randomIndex } from 'crane-oci/ops';
import { describe, expect, it } from 'vitest';
import { craneProgram } from '../src/cli/crane-program.ts';
import { commandsOf, listedCommands } from '../src/cli/framework/program.ts';
import { runCommand } from './support/command.ts';
import { craneCalls, problemWith } from './support/crane-lines.ts';
import { codeBlocks, inlineCode, markdownFiles } from './support/markdown.ts';
import { projectRoot } from './support/paths.ts';

const files = markdownFiles();
const blocks = files.flatMap(codeBlocks);

describe('the documentation', () => {
  it('has links that lead somewhere', async () => {
    const result = await runCommand(process.execPath, [join(projectRoot, 'scripts/check-docs.mjs')]);
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
  });

  it('has pages that another page leads to', () => {
    const linked = files.map(({ text }) => text).join('\n');
    const lost = files.filter(
      ({ name }) => name.startsWith('docs/') && !linked.includes(`${name.replace(/^.*\//, '')})`),
    );
    expect(lost.map(({ name }) => name)).toEqual([]);
  });

  it('names no path of the machine it was written on', () => {
    const paths = [projectRoot, homedir(), '/home/', '/Users/'];
    const wrong = files.flatMap(({ name, text }) =>
      paths.filter((path) => text.includes(path)).map((path) => [name, path]),
    );
    expect(wrong).toEqual([]);
  });

  it('has no TypeScript that is not, word for word, in a file that is compiled and tested', () => {
    const code = ['examples', 'src', 'test']
      .flatMap((folder) => typeScriptIn(join(projectRoot, folder)))
      .map((file) => readFileSync(file, 'utf8'));
    const shown = blocks.filter(({ language }) => language === 'ts');
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.filter(({ text }) => !code.some((file) => file.includes(text)))).toEqual([]);
  });

  it('lists in the README the commands that are there', () => {
    const [, list = ''] =
      /^Commands: ([^]*?)\.\n\n/m.exec(files.find(({ name }) => name === 'README.md')?.text ?? '') ?? [];
    const listed = Array.from(list.matchAll(/`(\w+)[^`]*`/g), ([, name = '']) => name);
    expect(listed.toSorted()).toEqual(listedCommands(commandsOf(craneProgram)).map(({ name }) => name));
  });

  it('has no JSON that is malformed', () => {
    for (const { text } of blocks.filter(({ language }) => language === 'json')) JSON.parse(text);
  });
});

describe('the command lines of the documentation', () => {
  const calls = blocks
    .filter(({ language }) => language === 'sh' || language === 'console')
    .flatMap(({ file, text }) => text.split('\n').map((line) => ({ file, line })))
    .filter(({ line }) => !/\[(?:flags|command)\]$/.test(line))
    .flatMap(({ file, line }) => craneCalls(line).map((argv) => ({ file, line, argv })));

  it('are found by this test', () => {
    expect(craneCalls('$ crane a b > c')).toEqual([['a', 'b']]);
    expect(craneCalls('crane base x || crane rebase x')).toEqual([
      ['base', 'x'],
      ['rebase', 'x'],
    ]);
    expect(craneCalls('docker save app | crane push - x')).toEqual([['push', '-', 'x']]);
    expect(craneCalls('curl -H "$(crane auth token -H alpine)" https://x')).toEqual([
      ['auth', 'token', '-H', 'alpine'],
    ]);
    expect(craneCalls('crane -u a copy "b c" d &')).toEqual([['-u', 'a', 'copy', 'b c', 'd']]);
    expect(calls.length).toBeGreaterThan(40);
  });

  it('name commands and flags that exist, with as many arguments as they take', async () => {
    const wrong = await Promise.all(
      calls.map(async ({ file, line, argv }) => ({ file, line, problem: await problemWith(argv, true) })),
    );
    expect(wrong.filter(({ problem }) => problem !== undefined)).toEqual([]);
  });

  it('inside of sentences name commands and flags that exist', async () => {
    const inline = files.flatMap((file) =>
      inlineCode(file)
        .filter((code) => code.startsWith('crane ') && !/ COMMAND\b/.test(code))
        .map((code) => ({ file: file.name, code })),
    );
    expect(inline.length).toBeGreaterThan(5);
    const wrong = await Promise.all(
      inline.map(async ({ file, code }) => ({
        file,
        code,
        problem: await problemWith(code.split(' ').slice(1), false),
      })),
    );
    expect(wrong.filter(({ problem }) => problem !== undefined)).toEqual([]);
  });
});

describe('docs/compatibility-with-crane.md', () => {
  const page = readFileSync(join(projectRoot, 'docs/compatibility-with-crane.md'), 'utf8');
  const sections = page.split(/^## /m).filter((section) => section.includes('\n| crane | here |\n'));

  it('gives for each section of differences a reason, and tests that are there', () => {
    expect(sections.length).toBeGreaterThan(5);
    for (const section of sections) {
      const [title = '', reason = '', tests = ''] = section.split('\n\n');
      expect(`${title}: ${reason}`).toMatch(/^[^|]+: [A-Z][^|]+\.$/);
      expect(`${title}: ${tests}`).toMatch(/: Tests:\s`[^`]+`(?:,\s`[^`]+`)*\.$/);
      const missing = Array.from(tests.matchAll(/`([^`]+)`/g), ([, path = '']) => path).filter(
        (path) => !path.endsWith('.test.ts') || !existsSync(join(projectRoot, path)),
      );
      expect([title, missing]).toEqual([title, []]);
    }
  });

  it('says of each difference what is here', () => {
    const rows = sections.flatMap((section) => section.match(/^\| (?!crane \|).*$/gm) ?? []);
    expect(rows.length).toBeGreaterThan(50);
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows.filter((row) => !/^\| [^|]+ \| [^|]+ \|$/.test(row.replaceAll('\\|', '')))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const page = readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8');
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
  const zeros = encode('xx');

  it('has every code of src/errors.ts, in its order, and no other', () => {
    const source = readFileSync(join(projectRoot, 'src/errors.ts'), 'utf8');
    const codes = Array.from(source.matchAll(/^ {2}\| '([A-Z_]+)'/gm), ([, code]) => code);
    const rows = Array.from(page.matchAll(/^\| `([A-Z_]+)` \|/gm), ([, code]) => code);
    expect(codes.length).toBeGreaterThan(20);
    expect(rows).toEqual(codes);
  });

  it.each<[code: string, fail: () => unknown]>([
    ['NOT_FOUND', () => openArchive('image.tar')],
    ['INVALID_REFERENCE', () => parseReference('App:v1')],
    ['INVALID_DIGEST', () => parseDigest('sha256:12')],
    ['INVALID_PLATFORM', () => parsePlatform('linux/amd64/v8/x')],
    [
      'INVALID_MANIFEST',
      () =>
        parseManifest(encode({ schemaVersion: 2, config: {}, layers: [], manifests: [] }), { mediaType: '', digest }),
    ],
    ['INVALID_CONFIG', () => parseImageConfig(encode({ rootfs: { diff_ids: 3 } }), digest)],
    ['INVALID_ARCHIVE', () => collect(gunzipping()(streamOf(zeros)), 100)],
    ['INVALID_LAYOUT', () => openLayout('docs')],
    ['DIGEST_MISMATCH', () => collect(new VerifiedStream(zeros, { digest, size: 2 }), 100)],
    ['SIZE_MISMATCH', () => collect(new VerifiedStream(zeros, { digest, size: 4 }), 100)],
    ['LIMIT_EXCEEDED', () => collectVerified(zeros, { digest, size: 104_857_600 }, 8 * 1024 * 1024)],
    ['NO_MATCHING_PLATFORM', async () => imageForPlatform(await randomIndex(), parsePlatform('linux/s390x'))],
  ])('shows the message of %s as it is', async (code, fail) => {
    const error: unknown = await Promise.resolve()
      .then(fail)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    if (!isOciError(error)) throw new Error(`no OciError: ${String(error)}`);
    expect(error.code).toBe(code);
    const message = error.message.replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:…');
    const row = page.split('\n').find((line) => line.startsWith(`| \`${code}\` |`));
    expect(row?.split(' | ').at(-1)).toBe(`\`${message}\` |`);
  });
});

function typeScriptIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

function encode(document: unknown): Uint8Array {
  return new TextEncoder().encode(typeof document === 'string' ? document : JSON.stringify(document));
}
