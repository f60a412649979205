import { OciError } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { type ConfigDocument, encodeHistory, type HistoryDocument } from '../oci/document/config-document.ts';
import { historyOf } from './edit/config-edit.ts';
import type { HistoryStep } from './edit/image-edit.ts';

export interface FlattenedConfigOptions {
  /** How many layers stay. */
  readonly fromLayer: number;
  /** Of the layer that takes the place of all others. */
  readonly diffId: Digest;
  /** How many steps of the history stay, as {@link lowerHistory} counts them. */
  readonly lower: number;
  readonly step: Pick<HistoryStep, 'created' | 'createdBy'>;
}

/** A config with one layer, and one step of its history, in place of the uppermost ones. crane-cli reference, section 9.12. */
export function flattenedConfig(
  before: ConfigDocument,
  { fromLayer, diffId, lower, step }: FlattenedConfigOptions,
): ConfigDocument {
  const { history, rootfs } = before;
  const kept = history?.slice(0, lower) ?? [];
  const comment = encodeHistory(history?.slice(lower));
  // Without a history nobody knows what made the lower layers; one step among them would seem to be theirs.
  const isUnknown = fromLayer > 0 && kept.length === 0;
  return {
    ...before,
    created: step.created,
    rootfs: {
      ...rootfs,
      type: rootfs?.type ?? 'layers',
      diff_ids: [...(rootfs?.diff_ids ?? []).slice(0, fromLayer), diffId],
    },
    history: isUnknown ? history : [...kept, historyOf({ ...step, comment }, false)],
  };
}

/**
 * How many steps of a history come before the one that made a layer; steps without a layer stay with the layer below them.
 *
 * @param fromLayer the layer, 0 for the lowest
 * @throws {OciError} `INVALID_CONFIG` when the history has another number of layers, and cannot be cut
 */
export function lowerHistory(
  history: readonly HistoryDocument[] | undefined,
  fromLayer: number,
  layers: number,
  what: string,
): number {
  if (fromLayer === 0 || history === undefined || history.length === 0) return 0;
  const makers = Array.from(history.keys()).filter((i) => history[i]?.empty_layer !== true);
  if (makers.length === layers) return makers[fromLayer] ?? history.length;
  throw new OciError(
    'INVALID_CONFIG',
    `${what} has a history of ${makers.length} layers, but the image has ${layers}: which steps stay cannot be told`,
    { hint: 'Flatten the whole image' },
  );
}
