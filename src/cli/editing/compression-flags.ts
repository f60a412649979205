import type { Compression, CompressionKind } from '../../content/compression.ts';
import { type FlagsOf, int, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';

/** How layers that a command makes are compressed. */
export interface CompressionFlags {
  readonly compression: string;
  readonly 'compression-level': number;
}

const levels: Readonly<Record<CompressionKind, number>> = { gzip: 9, zstd: 19, none: 0 };

/**
 * @param gzipLevel what 0 stands for with gzip, for the help
 * @param kind the default; the empty text for a command that decides by itself
 */
export function compressionFlags(gzipLevel: number, kind: CompressionKind | '' = 'gzip'): FlagsOf<CompressionFlags> {
  return {
    compression: string({
      description: 'How the layer is compressed: gzip, zstd or none; zstd is for images with OCI media types',
      initial: kind,
      complete: () => Object.keys(levels),
    }),
    'compression-level': int({
      description: `1 (fast) to 9 (small) for gzip, to 19 for zstd; 0 means ${gzipLevel} for gzip and 3 for zstd`,
    }),
  };
}

/**
 * @returns `undefined` where nothing is said
 * @throws {UsageError} for kinds and levels that are none
 */
export function compressionOf(flags: CompressionFlags, gzipLevel: number): Compression | undefined {
  const { compression: kind, 'compression-level': level } = flags;
  if (kind === '' && level === 0) return undefined;
  if (!isKind(kind)) {
    throw new UsageError(
      `invalid argument ${JSON.stringify(kind)} for "--compression" flag: it has to be one of ${Object.keys(levels).join(', ')}`,
    );
  }
  if (level < 0 || level > levels[kind]) {
    const range =
      kind === 'none' ? 'what is not compressed has no level' : `${kind} has the levels 1 to ${levels[kind]}`;
    throw new UsageError(`invalid argument "${level}" for "--compression-level" flag: ${range}`);
  }
  if (level > 0) return { kind, level };
  return kind === 'gzip' ? { kind, level: gzipLevel } : { kind };
}

function isKind(text: string): text is CompressionKind {
  return Object.hasOwn(levels, text);
}
