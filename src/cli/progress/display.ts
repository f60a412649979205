import type { ProgressEvent } from '../../store/progress.ts';

/** Shows what moves. */
export interface ProgressDisplay {
  /** Called for every chunk, so it must cost next to nothing. */
  event(event: ProgressEvent): void;
  /** Nothing moves any more. What comes later begins anew. */
  end(): void;
}
