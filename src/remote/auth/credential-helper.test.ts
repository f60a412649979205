import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { runHelper } from './credential-helper.ts';

async function helper(
  script: string,
): Promise<{ readonly program: string; readonly action: 'get'; readonly input: '' }> {
  const program = join(await testDirectory(), 'helper');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return { program, action: 'get', input: '' };
}

const env = { PATH: '/usr/bin:/bin' };

it('a helper that hangs in a program of its own is waited for until the time limit, no longer', async () => {
  const call = await helper('sleep 50\nexit 0');
  await expect(runHelper({ ...call, env }, 200)).rejects.toThrow('ended without an answer');
});

it('an abort ends the wait for a helper whose own program goes on', async () => {
  const call = await helper('sleep 50\nexit 0');
  const abort = new AbortController();
  const running = runHelper({ ...call, env, signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 100);
  await expect(running).rejects.toThrow('enough');
});

it('what a helper said counts when something it started keeps its output open', async () => {
  const call = await helper('sleep 50 &\necho said');
  expect(await runHelper({ ...call, env }, 1000)).toEqual({ exitCode: 0, stdout: 'said\n', stderr: '' });
});

it('a helper that never stops talking is ended', async () => {
  const call = await helper('while :; do echo yes yes yes yes yes yes yes yes yes yes yes yes yes yes; done');
  await expect(runHelper({ ...call, env })).rejects.toThrow('more than 1048576 bytes');
});
