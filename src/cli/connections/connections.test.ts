import { expect, it } from 'vitest';
import { defaultGlobals } from '../../../test/support/default-globals.ts';
import { parseRegistry } from '../../oci/reference.ts';
import type { Process } from '../process.ts';
import { createLog } from '../log.ts';
import { Connections } from './connections.ts';
import type { SideSettings } from './side-flags.ts';

const process: Process = {
  program: 'crane',
  version: '0',
  env: {},
  homedir: '/nowhere',
  platform: 'linux',
  stdin: Object.assign((async function* () {})(), { isTTY: false }),
  stdout: { isTTY: false, write: async () => {} },
  stderr: { isTTY: false, write: async () => {} },
  signal: new AbortController().signal,
  now: () => new Date(0),
};

const source: SideSettings = {
  side: 'source',
  username: 'joe',
  password: 'secret',
  passwordStdin: false,
  insecure: false,
  caFile: '',
  certFile: '',
  keyFile: '',
};

it('shows credentials of one side to the registry of that side only, whoever else is asked on its behalf', async () => {
  const connections = new Connections({
    process,
    log: createLog(process),
    globals: defaultGlobals(),
    sides: { source },
    password: async () => '',
    readPassword: async () => '',
  });
  const [registry, mirror] = [parseRegistry('r.example'), parseRegistry('mirror.example')];
  connections.writesTo(mirror);
  connections.asks(registry, 'source');
  const keychain = await connections.keychain(source);
  expect(await keychain({ registry }, {})).toMatchObject({ source: '--source-username', username: 'joe' });
  expect(await keychain({ registry: mirror }, {})).toBeUndefined();
  await connections.close();
});
