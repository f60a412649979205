import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { CloudEnvironment } from '../../src/keychains/cloud-environment.ts';
import { testDirectory } from './test-directory.ts';

/** Where the programs are that the scripts of fake ones call. */
const systemPath = ['/usr/bin', '/bin'].join(delimiter);

/**
 * An environment whose only programs are shell scripts with the names of others, and which has no packages.
 *
 * @param programs scripts by name; `$0.log` gets a line with its arguments for each call of a program
 */
export async function withPrograms(
  programs: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<CloudEnvironment & { readonly directory: string }> {
  const directory = await testDirectory();
  for (const [name, script] of Object.entries(programs)) {
    const file = join(directory, name);
    await writeFile(file, `#!/bin/sh\nPATH=${systemPath}\necho "$@" >> "$0.log"\n${script}\n`);
    await chmod(file, 0o755);
  }
  return { env: { PATH: directory, ...env }, homedir: directory, importPackage: noPackage, directory };
}

/** As `import` does where a package is not installed. */
export async function noPackage(name: string): Promise<object> {
  throw Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' });
}
