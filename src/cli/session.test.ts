import { expect, it } from 'vitest';
import { defaultGlobals } from '../../test/support/default-globals.ts';
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
