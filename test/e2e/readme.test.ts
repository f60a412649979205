import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyGraph, createTransport, listen, memoryStorage, parseReference, remote } from 'crane-oci';
import { randomIndex } from 'crane-oci/ops';
import type { ListeningRegistry } from 'crane-oci/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crane, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { craneCalls } from '../support/crane-lines.ts';
import { codeBlocks } from '../support/markdown.ts';
import { projectRoot } from '../support/paths.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

interface Step {
  readonly command: string;
  /** What the README shows below the command. */
  readonly output: string;
}

const text = readFileSync(join(projectRoot, 'README.md'), 'utf8');
const tour = codeBlocks({ name: 'README.md', text }).find(({ language }) => language === 'console');
const [first, ...steps] = stepsOf(tour?.text ?? '');

let upstream: ListeningRegistry;
let registry: CraneRegistry;
let work: TemporaryDirectory;

beforeAll(async () => {
  work = await temporaryDirectory();
  upstream = await listen({ storage: memoryStorage() });
  const transport = createTransport({ userAgent: 'test' });
  const alpine = remote(parseReference(`${upstream.address}:${upstream.port}/alpine`), { transport, access: 'push' });
  const { store, root } = await randomIndex({ seed: 'alpine' });
  await copyGraph(store, alpine, root, { tag: '3.20' });
  transport.close();
  registry = await startCraneRegistry();
});

afterAll(async () => {
  await registry.stop();
  await upstream.close();
  await work.remove();
});

it('the tour of the README begins with a registry', () => {
  expect(first).toEqual({ command: 'crane registry serve --address 127.0.0.1:5000 &', output: '127.0.0.1:5000\n' });
  expect(steps).toHaveLength(9);
});

it('the commands of the tour print what the README shows', async () => {
  for (const { command, output } of steps) expect([command, await run(command)]).toEqual([command, output]);
});

/** Runs a line of the tour with the registries of this test in the places of those it names. */
async function run(command: string): Promise<string> {
  const port = registry.address.replace(/^.*:/, '');
  const [argv = []] = craneCalls(command);
  const args = argv.map((argument) =>
    argument
      .replace('localhost:5000', `localhost:${port}`)
      .replace(/^alpine:/, `${upstream.address}:${upstream.port}/alpine:`),
  );
  const { stdout } = succeeded(await crane(args, { cwd: work.path }));
  const file = / > (\S+)$/.exec(command)?.[1];
  if (file !== undefined) await writeFile(work.file(file), stdout);
  const shown = file === undefined ? stdout : '';
  return shown.replaceAll(`localhost:${port}`, 'localhost:5000').replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:…');
}

/** Lines that begin with `$ ` are commands, what follows is their output. */
function stepsOf(block: string): readonly Step[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1) };
    });
}
