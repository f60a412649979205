import type { Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';

/** One thing that happened while content moved; `type` names the event. */
export type ProgressEvent =
  /** It belongs to what is copied; next it is looked for at the sink. */
  | { readonly type: 'queued'; readonly target: Descriptor }
  /** Its bytes move, from `offset` on: not 0 when a transfer goes on where it broke. May come several times. */
  | { readonly type: 'start'; readonly target: Descriptor; readonly offset: number }
  /** `bytes` of this chunk, not in all. */
  | { readonly type: 'chunk'; readonly target: Descriptor; readonly bytes: number }
  /** All bytes are there; the other side puts them together. */
  | { readonly type: 'commit'; readonly target: Descriptor }
  /** `tag` is there for a manifest that got one. */
  | { readonly type: 'finish'; readonly target: Descriptor; readonly tag?: string | undefined }
  | {
      readonly type: 'skip';
      readonly target: Descriptor;
      readonly reason: SkipReason;
      readonly tag?: string | undefined;
    }
  /** A transfer broke off and is tried again after a pause. */
  | {
      readonly type: 'retry';
      readonly target: Descriptor;
      readonly attempt: number;
      readonly delayMs: number;
      readonly message: string;
    }
  | { readonly type: 'warning'; readonly message: string };

/** Why content did not have to move: the sink has it, took it from a neighbour, or must not hold it by licence. */
export type SkipReason = 'exists' | 'mounted' | 'nondistributable';

export interface ProgressOptions {
  /** Called synchronously, never awaited; it must not throw. */
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** For one transfer: who moves the bytes tells of `retry` and `commit`, whoever started it of everything else. */
export interface TransferOptions extends CallOptions, ProgressOptions {}
