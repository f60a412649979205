import type { Descriptor } from '../oci/descriptor.ts';

/** One thing that happened while content moved; `type` names the event. */
export type ProgressEvent =
  | { readonly type: 'start'; readonly target: Descriptor }
  /** `bytes` of this chunk, not in all. */
  | { readonly type: 'chunk'; readonly target: Descriptor; readonly bytes: number }
  /** `tag` is there for a manifest that got one. */
  | { readonly type: 'finish'; readonly target: Descriptor; readonly tag?: string | undefined }
  | {
      readonly type: 'skip';
      readonly target: Descriptor;
      readonly reason: SkipReason;
      readonly tag?: string | undefined;
    }
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly message: string }
  | { readonly type: 'warning'; readonly message: string };

/** Why content did not have to move: the sink has it, took it from a neighbour, or must not hold it by licence. */
export type SkipReason = 'exists' | 'mounted' | 'nondistributable';

export interface ProgressOptions {
  /** Called synchronously, never awaited; it must not throw. */
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}
