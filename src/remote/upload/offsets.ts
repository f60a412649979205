/** What is known about how much of an upload a registry has, in bytes. */
export interface OffsetEvidence {
  /** The registry's word, `undefined` when it says nothing that can be read. */
  readonly stated: number | undefined;
  /** What it had by all signs before the last request. */
  readonly believed: number;
  /** The end of the last request's piece. */
  readonly sent: number;
  /** The registry's word was wrong before. */
  readonly distrusted: boolean;
}

/**
 * Where to go on after a break: the likeliest offset first, then what to try when that is refused. The words of registries
 * are off by one, `0-0` for nothing as well as for one byte, or stuck (demand-and-quirks reference, Q-42).
 */
export function offsetsAfterBreak(evidence: OffsetEvidence): readonly [first: number, ...others: number[]] {
  const { stated, believed, sent, distrusted } = evidence;
  if (stated === undefined || stated > sent + 1) return [believed];
  if (stated <= 1) return believed > 1 ? ordered(0, believed, distrusted) : [0, 1];
  if (stated === believed) return [believed];
  if (stated === believed + 1) return [believed, stated];
  if (stated === sent + 1) return [sent, believed];
  return stated < believed ? ordered(stated, believed, distrusted) : [stated, stated - 1];
}

function ordered(stated: number, believed: number, distrusted: boolean): readonly [number, number] {
  return distrusted ? [believed, stated] : [stated, believed];
}

/**
 * How much of a piece that was accepted is there.
 *
 * @returns its end, or less when the registry says in a believable way that it kept only a part; `'stuck'` when its word
 *   does not move, which is no reason to send anything again
 */
export function offsetAfterPiece(piece: { start: number; end: number }, stated: number | undefined): number | 'stuck' {
  const { start, end } = piece;
  // One less than all is a wrong count rather than a missing byte.
  if (stated === undefined || stated >= end - 1) return end;
  return stated > 1 && stated - start >= (end - start) / leastPart ? stated : 'stuck';
}

/** A registry that kept less of each piece would make an upload endless. */
const leastPart = 64;
