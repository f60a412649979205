import { tmpdir } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { runCrane } from '../../../test/support/crane-command.ts';
import { scriptedServer, type ScriptedServer } from '../../../test/support/scripted-server.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const manifest = { [digest]: { mediaType: 'application/vnd.oci.image.manifest.v1+json', tag: [] } };

describe('a registry that lists nothing', () => {
  it.each([
    ['of Google', { child: [], manifest: {}, name: 'p', tags: [] }],
    ['of others', { name: 'p', tags: null }],
    ['that says nothing at all', {}],
    ['that says something else', []],
  ])('(one %s) is no failure, and nothing is done', async (_, document) => {
    const { host } = await registryThatLists(document);
    for (const args of [['ls'], ['ls', '-r'], ['copy', '-r']]) {
      const to = args[0] === 'copy' ? [`${host}/q`] : [];
      expect(await gcrane(...args, `${host}/p`, ...to), args.join(' ')).toMatchObject({ code: 0, stdout: '' });
    }
    expect(await gcrane('ls', '--json', `${host}/p`)).toMatchObject({
      stdout: '{"child":null,"manifest":null,"name":"p","tags":null}\n',
    });
  });
});

describe('a registry that sends a very long list at once', () => {
  const tags = Array.from({ length: 150_000 }, (_, i) => `t${i}`);

  it.each([
    ['of others', {}],
    ['of Google', { child: ['below'], manifest: { [digest]: { ...manifest[digest], tag: tags } } }],
  ])('(one %s) is listed to its end', async (_, more) => {
    const server = await registryThatLists((path) => (path === '/v2/p/tags/list' ? { tags, ...more } : {}));
    const { code, stdout } = await gcrane('ls', `${server.host}/p`);
    expect(code).toBe(0);
    expect(stdout).toContain(`${server.host}/p:t149999\n`);
  });

  it('is copied from as far as is wanted', async () => {
    const server = await registryThatLists({ tags });
    const { code, stdout } = await runCrane([
      'copy',
      '-a',
      '--include',
      't0',
      '--dry-run',
      `${server.host}/p`,
      `oci:${await testDirectory()}/nothing`,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('1 tag: 1 new');
  });
});

describe('a registry that names repositories in repositories without end', () => {
  it.each([['a'], ['p'], ['deep/er']])('(%s) is followed as far as names can be long', async (child) => {
    const server = await registryThatLists({ child: [child, child, '.', '..', ''], manifest, tags: [] });
    const { code, stdout } = await gcrane('ls', '-r', `${server.host}/p`);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(1 + Math.floor((255 - 1) / (child.length + 1)));
    expect(new Set(lines).size).toBe(lines.length);
    expect((await gcrane('gc', '-r', `${server.host}/p`)).stdout).toBe(stdout);
  });
});

describe('names that harm', () => {
  it('are not shown, and nobody is asked about them', async () => {
    const names = ['\u001b[31mred', 'a\nb', '../../x', 'UPPER', 'x?y=1', 'x#y', 'x%2f..', '/x', 'x/', 'ok'];
    const server = await registryThatLists((path) =>
      path === '/v2/p/tags/list'
        ? {
            child: names,
            name: '\u001b[2J',
            manifest: {
              ...manifest,
              'sha256:../..': { tag: ['x'] },
              [`sha256:${'b'.repeat(64)}`]: { mediaType: '\u001b[31m', tag: ['\u001b]0;x\u0007', 'fine'] },
            },
            tags: ['\u001b[31m', 'fine'],
          }
        : {},
    );
    for (const flags of [[], ['-r'], ['--json'], ['-r', '--json']]) {
      const { code, stdout, stderr } = await gcrane('ls', ...flags, `${server.host}/p`);
      expect(code).toBe(0);
      expect(stdout + stderr).not.toMatch(/[^\n\x20-\x7e]|UPPER|\.\.|red/);
      expect(stdout).toContain('fine');
    }
    const asked = new Set(server.requests.map(({ url }) => url.pathname));
    expect([...asked].filter((path) => path.endsWith('/tags/list')).toSorted()).toEqual([
      '/v2/p/ok/tags/list',
      '/v2/p/tags/list',
    ]);
  });
});

describe('a list that does not end', () => {
  it.each([
    ['empty pages', () => ({ child: [], manifest: {}, tags: [] })],
    ['the same page', () => ({ child: ['x'], manifest, tags: ['v1'] })],
  ])('(%s) is an error of ls, gc and copy', async (_, page) => {
    let count = 0;
    const server = await registryThatLists(page, () => ({ link: `</v2/p/tags/list?page=${++count}>; rel="next"` }));
    for (const args of [['ls'], ['gc'], ['ls', '-r'], ['gc', '-r'], ['copy', '-r']]) {
      const to = args[0] === 'copy' ? [`${server.host}/q`] : [];
      expect(await gcrane(...args, `${server.host}/p`, ...to), args.join(' ')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('does not end') as string,
      });
    }
  });
});

async function registryThatLists(
  document: object | ((path: string) => object),
  headers: () => Readonly<Record<string, string>> = () => ({}),
): Promise<ScriptedServer & { readonly host: string }> {
  const server = await scriptedServer(({ url }) => ({
    status: 200,
    headers: { 'content-type': 'application/json', ...(url.pathname.endsWith('/tags/list') ? headers() : {}) },
    body: url.pathname.endsWith('/tags/list')
      ? JSON.stringify(typeof document === 'function' ? document(url.pathname) : document)
      : '{}',
  }));
  onTestFinished(() => server[Symbol.asyncDispose]());
  return Object.assign(server, { host: new URL(server.origin).host });
}

function gcrane(...args: readonly string[]): Promise<InProcessResult> {
  return gcraneInProcess(args, { home: tmpdir() });
}
