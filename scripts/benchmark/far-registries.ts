import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { bundleScript, startScript } from '../../test/support/child-script.ts';

/** Registries as they look from far away. */
export interface FarRegistries {
  /** In the order of the registries, `127.0.0.1:PORT` each. */
  readonly addresses: readonly string[];
  stop(): void;
}

const program = `
import { startSlowProxy } from './test/support/slow-proxy.ts';
for (const target of process.argv.slice(2)) console.log((await startSlowProxy(target)).address);
console.log('ready');
`;

/** Puts 25 milliseconds in each direction in front of registries, by a process of its own: the one that measures stands still. */
export async function farRegistries(registries: readonly string[], directory: string): Promise<FarRegistries> {
  const child: ChildProcess = startScript(await bundleScript(program, directory), ...registries);
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
  while (!printed.includes('ready')) {
    if (child.exitCode !== null || child.stdout === null) throw new Error('The proxies did not start');
    await once(child.stdout, 'data');
  }
  return { addresses: printed.trim().split('\n').slice(0, -1), stop: () => void child.kill() };
}
