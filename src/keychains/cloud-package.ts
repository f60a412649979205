import { linkedAbort } from '../async/linked-abort.ts';
import { isOciError } from '../errors.ts';
import type { Credential, CredentialScope, NamedKeychain } from '../remote/auth/credential.ts';
import { type CloudEnvironment, timeLimitOf } from './cloud-environment.ts';
import { failed, missing, saidBy } from './failure-words.ts';

export interface PackageCall {
  readonly scope: CredentialScope;
  /** Aborted also when the time is over. */
  readonly signal: AbortSignal;
}

/** How credentials are had from a cloud's own package, a peer that need not be installed. */
export interface PackageSource<T> {
  /** Its name on npm. */
  readonly name: string;
  readonly ask: (loaded: T, call: PackageCall) => Promise<Credential>;
  /** What the package's error means: its words where it only found nothing, `undefined` where something failed. */
  readonly isNothing: (error: unknown) => boolean;
  /** What to do where it found nothing. */
  readonly hint: string;
}

/** A source of credentials that loads its package when it is asked. */
export function packageSource<T>(source: PackageSource<T>, environment: CloudEnvironment): NamedKeychain {
  const { name, ask, isNothing, hint } = source;
  return {
    name,
    async find(scope, { signal, onMissing } = {}) {
      const loaded = await loadPackage(name, environment);
      if (loaded === undefined) {
        onMissing?.(missing(`The package ${name} is not installed`, `Install the package: npm install ${name}`));
        return undefined;
      }
      try {
        return await limited(name, environment, signal, (inner) => ask(loaded as T, { scope, signal: inner }));
      } catch (error) {
        signal?.throwIfAborted();
        if (isOciError(error)) throw error;
        if (!isNothing(error)) throw failed(name, saidBy(error));
        onMissing?.(missing(`${name} found no credentials`, hint));
        return undefined;
      }
    },
  };
}

/** `undefined` when it is not installed. @throws {OciError} `CREDENTIALS` when it cannot be loaded */
export async function loadPackage(
  name: string,
  { importPackage = importByName }: CloudEnvironment,
): Promise<object | undefined> {
  try {
    return await importPackage(name);
  } catch (error) {
    if (isNotInstalled(error, name)) return undefined;
    throw failed(name, `it cannot be loaded: ${saidBy(error)}`, 'Install it anew');
  }
}

/**
 * Runs a task for as long as it may take. Not every package can be stopped: what it still does is then left to itself, and
 * its answer is thrown away.
 *
 * @throws {OciError} `CREDENTIALS` when the time is over
 */
export async function limited<T>(
  name: string,
  environment: CloudEnvironment,
  parent: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent?.throwIfAborted();
  const limit = timeLimitOf(environment);
  const life = linkedAbort(parent);
  const timer = setTimeout(() => life.abort(failed(name, `it gave no answer within ${limit / 1000} seconds`)), limit);
  let stop: (() => void) | undefined;
  try {
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(life.signal.reason as Error);
      life.signal.addEventListener('abort', stop, { once: true });
    });
    return await Promise.race([task(life.signal), stopped]);
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) life.signal.removeEventListener('abort', stop);
    life.unlink();
  }
}

/** By a name that bundlers cannot see: the package is not ours to ship. */
async function importByName(name: string): Promise<object> {
  return import(name) as Promise<object>;
}

/** The package itself is not there; one it needs is another matter. */
function isNotInstalled(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const isAbsent = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
  return isAbsent && error.message.includes(name);
}
