import { isOciError, OciError } from '../../errors.ts';
import type { MergeLayersOptions } from '../../ops/filesystem/export.ts';
import { int } from '../framework/flag.ts';
import type { Flag, FlagsOf } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';

/** Bounds for what layers may blow up to. */
export interface MergeFlags {
  readonly 'max-bytes': number;
  readonly 'max-entries': number;
}

export const mergeFlags: FlagsOf<MergeFlags> = {
  'max-bytes': limit(
    'Most bytes that the layers may have decompressed; 0 means 16 GiB, or 200 times their stored size when that is more',
  ),
  'max-entries': limit(
    'Most entries that the layers may have; 0 means 16777216, for which some 2 GB of temporary files are needed',
  ),
};

/** @throws {UsageError} for limits below zero */
export function mergeLimits(flags: MergeFlags): Pick<MergeLayersOptions, 'maxBytes' | 'maxEntries'> {
  return { maxBytes: limitOf(flags, 'max-bytes'), maxEntries: limitOf(flags, 'max-entries') };
}

/** Runs a task whose hints name the options of the library, and names the flags instead. */
export async function namingFlags<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (!isOciError(error, 'LIMIT_EXCEEDED')) throw error;
    const hint = error.hint?.replace(/\b(?:maxBytes|limit)\b/, '--max-bytes').replace('maxEntries', '--max-entries');
    throw new OciError(error.code, error.message, { hint, cause: error });
  }
}

function limit(description: string): Flag<number> {
  return int({ description });
}

function limitOf(flags: MergeFlags, name: keyof MergeFlags): number | undefined {
  const value = flags[name];
  if (value < 0) throw new UsageError(`--${name} cannot be below zero, but is ${value}`);
  return value === 0 ? undefined : value;
}
