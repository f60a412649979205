import { spawnSync } from 'node:child_process';
import { craneProgram } from '../../test/support/command.ts';
import { requirement } from '../../test/support/requirements.ts';

/** Which command line a tool understands. */
export type Dialect = 'crane' | 'skopeo' | 'oras' | 'regctl' | 'node';

export interface Tool {
  readonly name: string;
  readonly dialect: Dialect;
  /** What stands before the arguments of an operation. */
  readonly command: readonly string[];
  readonly version: string;
}

/** Our column, and what the others are compared with. */
export const ours = 'crane-oci';
export const reference = 'crane';

/** Ours, and the peers on PATH; with `runtimes` ours on the other runtimes that `npm test` has fetched as well. */
export function findTools({ runtimes }: { readonly runtimes: boolean }): readonly Tool[] {
  const own = [{ name: ours, dialect: 'crane' as const, command: [process.execPath, craneProgram] }];
  const others = ['node-24', 'bun']
    .map(requirement)
    .filter(({ available }) => runtimes && available)
    .map(({ name, path }) => ({ name: `${ours} (${name})`, dialect: 'crane' as const, command: [path, craneProgram] }));
  const peers = (['crane', 'skopeo', 'oras', 'regctl'] as const)
    .map((dialect) => ({ dialect, found: requirement(dialect) }))
    .filter(({ found }) => found.available)
    .map(({ dialect, found }) => ({ name: dialect, dialect, command: [found.path] }));
  const node = { name: 'node -e 0', dialect: 'node' as const, command: [process.execPath] };
  return [...own, ...others, ...peers, node].map(({ name, dialect, command }) => {
    return { name, dialect, command, version: versionOf(dialect, command) };
  });
}

function versionOf(dialect: Dialect, [file = '', ...rest]: readonly string[]): string {
  const args = [...rest, dialect === 'skopeo' || dialect === 'node' ? '--version' : 'version'];
  const { stdout } = spawnSync(file, args, { encoding: 'utf8' });
  return /v?\d+\.\d+\.\d+\S*/u.exec(stdout)?.[0] ?? '(of unknown version)';
}
