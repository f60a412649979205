import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { pushImage, type SampleImage } from '../conformance/samples.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { craneProgram } from '../support/command.ts';
import { layeredImage } from '../support/sample-image.ts';

const image: SampleImage = layeredImage('app');
let registry: SimulatedRegistry;

beforeAll(async () => {
  registry = await simulateRegistry();
  await pushImage(await registry.content('app'), image, 'v1');
  return () => registry.close();
});

/** Runs a program one of whose streams nobody reads. */
async function run(
  closed: 'stdout' | 'stderr',
  args: readonly string[],
): Promise<readonly [code: number, other: string]> {
  const child = spawn(process.execPath, [craneProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child[closed].destroy();
  const chunks: Buffer[] = [];
  child[closed === 'stdout' ? 'stderr' : 'stdout'].on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  return [code, Buffer.concat(chunks).toString()];
}

describe('where nobody reads standard output, there are no words, and the exit code is that of SIGPIPE, of', () => {
  it.each([
    ['export', 'HOST/app:v1', '-'],
    ['blob', `HOST/app@${image.blobs[0]?.target.digest}`],
    ['pull', 'HOST/app:v1', '-'],
    ['manifest', 'HOST/app:v1'],
    ['config', 'HOST/app:v1'],
    ['inspect', 'HOST/app:v1'],
    ['validate', '--json', 'HOST/app:v1'],
    ['ls', 'HOST/app'],
    ['ls', '--json', 'HOST/app'],
    ['catalog', 'HOST'],
    ['--help'],
    ['help', 'copy'],
    ['completion', 'bash'],
  ])('%s', async (...args) => {
    expect(
      await run(
        'stdout',
        args.map((arg) => arg.replace('HOST', registry.host)),
      ),
    ).toEqual([141, '']);
  });
});

describe('where nobody reads standard error, nothing else is different, with', () => {
  it.each([
    [0, ['-v', 'digest', 'HOST/app:v1'], `${image.target.digest}\n`],
    [1, ['digest', 'HOST/app:missing'], ''],
    [1, ['digest', '--nonsense'], ''],
    [1, ['nonsense'], ''],
  ] as const)('exit code %i of %j', async (code, args, stdout) => {
    expect(
      await run(
        'stderr',
        args.map((arg) => arg.replace('HOST', registry.host)),
      ),
    ).toEqual([code, stdout]);
  });
});
