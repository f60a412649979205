import { isOciError } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { keepRecent } from './keep-recent.ts';
import type { RepositoryClient } from './repository-client.ts';
import { sleep } from './transport/retry.ts';
import type { Transport } from './transport/transport.ts';

/** Enough for the pushes of some seconds, which is how late registries are. */
const kept = 1000;
/** Milliseconds before each further look. */
const pauses: readonly number[] = [100, 200, 400, 800];

const written = new WeakMap<Transport, Map<string, true>>();

/** Notes that a manifest was put under a tag or digest. */
export function noteWritten(client: RepositoryClient, reference: string): void {
  keepRecent(writtenBy(client), keyOf(client, reference), true, kept);
}

/** Notes that manifests of a repository were deleted, with all the names they had. */
export function forgetWritten(client: RepositoryClient): void {
  const known = writtenBy(client);
  for (const key of known.keys()) if (key.startsWith(keyOf(client, ''))) known.delete(key);
}

/**
 * Reads a manifest. One that this process has just put is looked for again when it is not there: registries over an object store
 * or with replicas are seconds late. Demand-and-quirks reference, Q-53.
 */
export async function readWritten<T>(
  client: RepositoryClient,
  reference: string,
  { signal }: CallOptions,
  read: () => Promise<T>,
): Promise<T> {
  for (const pause of pauses) {
    try {
      return await read();
    } catch (error) {
      if (!isOciError(error, 'NOT_FOUND') || !writtenBy(client).has(keyOf(client, reference))) throw error;
      await sleep(pause, signal);
    }
  }
  return read();
}

function writtenBy({ transport }: RepositoryClient): Map<string, true> {
  const known = written.get(transport) ?? new Map<string, true>();
  written.set(transport, known);
  return known;
}

function keyOf({ name }: RepositoryClient, reference: string): string {
  return `${name} ${reference}`;
}
