import type { ProgramRunner } from '../remote/auth/run-program.ts';
import type { Exchange } from '../remote/transport/exchange.ts';

/**
 * What cloud keychains take from the surroundings of a process; the library reads none of it on its own. The packages of the
 * clouds do: AWS's and Azure's read `process.env`, the user's files and metadata servers by themselves, whatever is given here.
 */
export interface CloudEnvironment {
  /** Environment variables: PATH, GITHUB_TOKEN, GOOGLE_APPLICATION_CREDENTIALS and so on; programs are run with all of them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's directory. */
  readonly homedir: string;
  /** @default not Windows */
  readonly platform?: string | undefined;
  /** Runs the programs of clouds. @default as child processes */
  readonly run?: ProgramRunner | undefined;
  /** Loads the packages of clouds. It rejects with the code `ERR_MODULE_NOT_FOUND` where one is not installed. @default `import` */
  readonly importPackage?: ((name: string) => Promise<object>) | undefined;
  /** Carries the requests that this library makes itself, to Azure's registries only. @default node:https */
  readonly exchange?: (() => Promise<Exchange>) | undefined;
  /** Told about failures that were gone past. It must not throw. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Milliseconds a program or package may take to answer. @default 30_000 */
  readonly timeLimit?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** A program may have to ask a person's browser session or a slow key store. */
export function timeLimitOf({ timeLimit = 30_000 }: CloudEnvironment): number {
  return timeLimit;
}

export function nowOf({ now = Date.now }: CloudEnvironment): number {
  return now();
}
