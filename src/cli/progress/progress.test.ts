import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { copyGraph } from '../../ops/copy.ts';
import { randomImage } from '../../ops/random.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { FakeTerminal } from '../../../test/support/fake-terminal.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../../test/support/temp-directory.ts';

const image = imageOf('progress');
let registry: SimulatedRegistry;
let home: TemporaryDirectory;

beforeAll(async () => {
  registry = await simulateRegistry();
  await pushImage(await registry.content('app'), image, 'v1');
  home = await temporaryDirectory();
});

afterAll(async () => {
  await registry.close();
  await home.remove();
});

async function run(args: readonly string[], stderr?: FakeTerminal): Promise<InProcessResult> {
  return craneInProcess(args, { home: home.path, ...(stderr && { stderr }) });
}

/** @returns the objects on standard error */
function objectsOf({ stderr }: InProcessResult): readonly Readonly<Record<string, unknown>>[] {
  const lines = stderr.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

describe('a command that moves content', () => {
  it("shows on a terminal crane's lines and at the end what was moved", async () => {
    const terminal = new FakeTerminal(200);
    const source = `${registry.host}/app:v1`;
    const { code, stdout } = await run(['copy', source, `${registry.host}/bars:v1`], terminal);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(terminal.lines[0]).toContain(`Copying from ${source} to`);
    expect(terminal.lines.filter((line) => /blob: sha256/.test(line))).toHaveLength(image.blobs.length);
    expect(terminal.lines.at(-1)).toMatch(/\d+ (?:mounted|blobs?, )/);
  });

  it('prints without a terminal what crane prints, and nothing when quiet', async () => {
    const args = ['copy', `${registry.host}/app:v1`, `${registry.host}/quiet:v1`];
    const loud = await run(args);
    expect(loud.stderr.trimEnd().split('\n')).toHaveLength(image.blobs.length + 2);
    expect(await run(['-q', ...args])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('writes to standard output the same bytes with progress and without', async () => {
    const terminal = new FakeTerminal();
    const plain = await run(['pull', `${registry.host}/app:v1`, '-']);
    const shown = await run(['pull', `${registry.host}/app:v1`, '-'], terminal);
    expect(plain).toEqual({ code: 0, stdout: shown.stdout, stderr: '' });
    expect(terminal.lines.at(-1)).toMatch(/^\d+ blobs, /);
  });

  it('writes nothing but JSON to standard error where that is asked for', async () => {
    registry.quirks.warnings = ['closes on Monday'];
    const result = await run([
      '--progress',
      'json',
      'copy',
      `${registry.host}/app:v1`,
      `${registry.host}/json:v1`,
      '-v',
    ]);
    registry.quirks.warnings = undefined;
    const types = new Set(objectsOf(result).map(({ type }) => type));
    expect(types).toEqual(
      new Set(['log', 'queued', 'skip', 'finish', 'end', 'warning', ...(types.has('start') ? ['start'] : [])]),
    );
    expect(objectsOf(result).filter(({ type }) => type === 'end')).toMatchObject([{ blobs: image.blobs.length }]);
  });

  it('fails in JSON, too, after the bars have gone', async () => {
    const args = ['copy', `${registry.host}/app:none`, `${registry.host}/json:v1`];
    const result = await run(['--progress', 'json', ...args]);
    expect(result.code).toBe(1);
    expect(objectsOf(result).at(-1)).toMatchObject({
      type: 'error',
      code: 'NOT_FOUND',
      registry: registry.host,
      repository: 'app',
      status: 404,
      exitCode: 1,
    });
    const terminal = new FakeTerminal(300);
    registry.fault = ({ method, path }) => (method === 'GET' && path.includes('/blobs/') ? 403 : undefined);
    await run(['pull', `${registry.host}/app:v1`, `${home.path}/never.tar`], terminal);
    registry.fault = undefined;
    const text = terminal.lines.join('\n');
    expect(text).toMatch(/\nError: .*403 Forbidden to a request without credentials\n {2}Ask for access/);
    expect(text).toMatch(/^\d of \d blobs, /m);
    expect(text).not.toContain('[');
  });

  it('shows how far a check is', async () => {
    const terminal = new FakeTerminal();
    const { store, root } = await randomImage();
    await copyGraph(store, await registry.content('valid'), root, { tag: 'v1' });
    await run(['validate', '--remote', `${registry.host}/valid:v1`], terminal);
    expect(terminal.lines).toEqual([expect.stringMatching(/^3 blobs, /)]);
  });
});
