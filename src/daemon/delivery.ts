import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import type { ProgressOptions } from '../store/progress.ts';

/** An artifact in the form in which an engine takes it. */
export interface Delivery {
  /** What the engine will know it by. */
  readonly id: Digest;
  /** How many there are; of an index 0. */
  readonly layers: number;
  /** How many of the first layers the engine has and need not get. */
  countKnown(options: CallOptions): Promise<number>;
  /** The archive without the first so many layers. */
  chunks(known: number, options: CallOptions & ProgressOptions): AsyncIterable<Uint8Array>;
}
