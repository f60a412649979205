import { expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import { seeded } from '../../test/quirks/client.ts';
import { simulateRegistry } from '../../test/simulated-registry/simulate.ts';
import { defaultGlobals } from '../../test/support/default-globals.ts';
import { craneInProcess } from '../../test/support/in-process.ts';
import { Session } from './session.ts';

const output = { isTTY: false, write: async () => {} };

async function* tooLong(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(70_000, 'x');
}

it('closes quietly when its transport could not be made: that has been reported already', async () => {
  const session = new Session({
    program: 'crane',
    version: '0',
    env: {},
    homedir: '/nowhere',
    platform: 'linux',
    stdin: Object.assign(tooLong(), { isTTY: false }),
    stdout: output,
    stderr: output,
    signal: new AbortController().signal,
    now: () => new Date(0),
  });
  session.configure({ ...defaultGlobals(), username: 'me', 'password-stdin': true });
  await expect(session.transport()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await session.close();
});

it('cancels the uploads that a registry began instead of mounting, and that came to nothing', async () => {
  await using registry = await simulateRegistry({ mount: 202 });
  await seeded(registry, imageOf('app'), 'v1', 'app');
  registry.fault = ({ method, path }) => (method === 'GET' && path.includes('/app/blobs/') ? 404 : undefined);
  const args = ['copy', `${registry.host}/app:v1`, `${registry.host}/other:v1`];
  expect(await craneInProcess(args, { home: '/nowhere' })).toMatchObject({ code: 1 });
  const begun = registry.log.filter((line) => line.startsWith('POST ') && line.includes('mount='));
  expect(begun.length).toBeGreaterThan(0);
  expect(registry.log.filter((line) => line.startsWith('DELETE '))).toHaveLength(begun.length);
});
