import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { defaultGlobals } from '../../test/support/default-globals.ts';
import { tellRuntimeWarnings } from './runtime-warnings.ts';
import { Session } from './session.ts';

const warning = Object.assign(new Error('versions published later will need another Node'), { name: 'SupportWarning' });

it.each([
  [0, ''],
  [1, '1970/01/01 00:00:00 SupportWarning: versions published later will need another Node\n'],
])('what a package warns of is told with -v, and not by Node itself (%i)', async (verbose, expected) => {
  let written = '';
  const write = async (chunk: string | Uint8Array): Promise<void> => void (written += Buffer.from(chunk).toString());
  const session = new Session({
    program: 'crane',
    version: '0',
    env: { TZ: 'UTC' },
    homedir: '/nowhere',
    platform: 'linux',
    stdin: Object.assign((async function* () {})(), { isTTY: false }),
    stdout: { isTTY: false, write },
    stderr: { isTTY: false, write },
    signal: new AbortController().signal,
    now: () => new Date(0),
  });
  session.configure({ ...defaultGlobals(), verbose });
  const process = new EventEmitter();
  process.on('warning', () => (written += 'as Node prints it'));
  tellRuntimeWarnings(process, session);
  process.emit('warning', warning);
  await session.close();
  expect(written).toBe(expected);
});
