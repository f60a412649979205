import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type CommandOptions, type CommandResult, crane, type RunningCommand, startCrane } from './command.ts';
import { snapshot, writeTree } from './file-tree.ts';
import { expectRefusal } from './refusal.ts';
import { temporaryDirectory } from './temp-directory.ts';

type RunOptions = Omit<CommandOptions, 'home' | 'cwd'>;

/** A directory that commands run in, with a home and a place for temporary files below it. */
export interface Workplace extends AsyncDisposable {
  /** The current directory of commands. */
  readonly path: string;
  /** The folder of Docker's config.json. */
  readonly dockerConfig: string;
  readonly temporary: string;
  file(...segments: readonly string[]): string;
  crane(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  start(args: readonly string[], options?: RunOptions): RunningCommand;
  /** What is there now, to compare with later. */
  snapshot(): Promise<Readonly<Record<string, string>>>;
}

/** Makes a workplace; whoever makes it disposes of it. */
export async function workplace(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<Workplace> {
  const directory = await temporaryDirectory();
  const path = directory.file('work');
  const home = directory.file('home');
  const dockerConfig = join(home, '.docker');
  const temporary = directory.file('tmp');
  await Promise.all([path, dockerConfig, temporary].map((folder) => mkdir(folder, { recursive: true })));
  await writeTree(path, files);
  const settings = ({ env, ...options }: RunOptions): CommandOptions => ({
    ...options,
    home,
    cwd: path,
    env: { TMPDIR: temporary, ...env },
  });
  return {
    path,
    dockerConfig,
    temporary,
    file: (...segments) => join(path, ...segments),
    crane: (args, options = {}) => crane(args, settings(options)),
    start: (args, options = {}) => startCrane(args, settings(options)),
    snapshot: () => snapshot(directory.path),
    [Symbol.asyncDispose]: () => directory.remove(),
  };
}

export interface RefusedCommand extends RunOptions {
  readonly args: readonly string[];
  /** What the error line has to say. */
  readonly says: readonly (string | RegExp)[];
  /** What lies in the current directory. @default nothing */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Docker's config.json. @default one with credentials for another registry */
  readonly config?: string;
  /** More to put in place. */
  readonly prepare?: (place: Workplace) => Promise<void>;
}

const otherConfig = JSON.stringify({ auths: { 'other.example': { auth: 'dTpw' } }, kept: true });

/** Runs a command that has to be refused, and expects a clear message and that nothing on the disk is other than before. */
export async function expectRefused(command: RefusedCommand): Promise<CommandResult> {
  const { args, says, files, config = otherConfig, prepare, ...options } = command;
  await using place = await workplace(files);
  await writeTree(place.dockerConfig, { 'config.json': config });
  await prepare?.(place);
  const before = await place.snapshot();
  const result = await place.crane(args, options);
  expectRefusal(result, ...says);
  expect(await place.snapshot()).toEqual(before);
  return result;
}
