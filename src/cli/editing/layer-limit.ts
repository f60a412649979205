import { type Flag, int } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';

/** Of commands that read archives. */
export const maxBytesFlag: Flag<number> = int({
  description: 'Most bytes that one layer may have decompressed; 0 means 128 GiB',
});

const defaultLimit = 128 * 1024 ** 3;

/**
 * What `--max-bytes` allows a layer to have.
 *
 * @throws {UsageError} below zero
 */
export function layerLimit(maxBytes: number): number {
  if (maxBytes < 0) throw new UsageError(`--max-bytes cannot be below zero, but is ${maxBytes}`);
  return maxBytes === 0 ? defaultLimit : maxBytes;
}
