import type { UploadSession } from './session.ts';

/** Above every known minimum, below every known maximum but GHCR's 4 MiB (demand-and-quirks reference, Q-43 and Q-44). */
export const defaultChunkSize: number = 16 * 1024 * 1024;

/** Pieces are not made smaller than this: no registry is known to refuse it, and many refuse less. */
const smallestChunk = 4 * 1024 * 1024;

/** Whatever is wished for: an upload has to come to an end. */
const leastChunk = 1024;

/** Bytes of a piece: what is wished for, within what the registry states. */
export function chunkSizeFor({ minChunk, maxChunk }: UploadSession, wished: number): number {
  return Math.min(Math.max(wished, minChunk, leastChunk), maxChunk);
}

/** Half of a size that was refused as too large; `undefined` when that would be too little. */
export function smallerChunk({ minChunk }: UploadSession, refused: number): number | undefined {
  const least = Math.max(smallestChunk, minChunk);
  return refused > least ? Math.max(least, Math.floor(refused / 2)) : undefined;
}
