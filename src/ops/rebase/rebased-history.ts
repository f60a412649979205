import { OciError } from '../../errors.ts';
import type { HistoryDocument } from '../../oci/document/config-document.ts';

/** A history beside the number of layers that it tells of. */
export interface LayerHistory {
  readonly history: readonly HistoryDocument[];
  readonly layers: number;
}

/**
 * The history of an image on a new base: the steps of the new base, then those of the image above the old one. Layers that no
 * step is told of get one that says nothing, as crane writes it, so that the history fits the layers. Where nobody has a history
 * there is none.
 *
 * @throws {OciError} `INVALID_CONFIG` when the new base tells of more layers than it has
 */
export function rebasedHistory(
  image: LayerHistory,
  oldBase: LayerHistory,
  newBase: LayerHistory,
): readonly HistoryDocument[] {
  const own = stepsAbove(image, oldBase);
  if (newBase.history.length === 0 && own.length === 0) return [];
  const told = layersIn(newBase.history);
  if (told > newBase.layers) {
    throw new OciError(
      'INVALID_CONFIG',
      `The new base has a history of ${told} layers, but only ${newBase.layers}: which steps are whose cannot be told`,
    );
  }
  return [...filled(newBase), ...filled({ history: own, layers: image.layers - oldBase.layers })];
}

/** Whether the steps of a history that add layers are as many as the layers. */
export function fitsLayers({ history, layers }: LayerHistory): boolean {
  return layersIn(history) === layers;
}

/**
 * The steps of an image above its base. Where its history fits its layers: by number, or by the layers that they add. Else what
 * follows the steps that both have, or if that is too much the steps of its highest layers.
 */
function stepsAbove(image: LayerHistory, base: LayerHistory): readonly HistoryDocument[] {
  const { history } = image;
  const own = image.layers - base.layers;
  if (fitsLayers(image)) {
    const below = history.slice(0, base.history.length);
    const isWhole = below.length === base.history.length && layersIn(below) === base.layers;
    return isWhole ? history.slice(below.length) : stepsOfHighest(history, own);
  }
  const rest = history.slice(sharedSteps(history, base.history));
  return layersIn(rest) <= own ? rest : stepsOfHighest(history, own);
}

/** Steps from the one on that follows the last layer below the highest ones. */
function stepsOfHighest(history: readonly HistoryDocument[], layers: number): readonly HistoryDocument[] {
  let start = 0;
  for (let below = layersIn(history) - layers; below > 0; start++) if (history[start]?.empty_layer !== true) below--;
  return history.slice(start);
}

/** How many steps two histories have in common from the start. */
function sharedSteps(a: readonly HistoryDocument[], b: readonly HistoryDocument[]): number {
  const end = a.findIndex((step, i) => !isSameStep(step, b[i]));
  return end < 0 ? a.length : end;
}

function isSameStep(a: HistoryDocument, b: HistoryDocument | undefined): boolean {
  return (
    b !== undefined &&
    a.created === b.created &&
    a.created_by === b.created_by &&
    a.comment === b.comment &&
    a.author === b.author &&
    (a.empty_layer ?? false) === (b.empty_layer ?? false)
  );
}

function filled({ history, layers }: LayerHistory): readonly HistoryDocument[] {
  const missing = Math.max(0, layers - layersIn(history));
  return [...history, ...Array.from({ length: missing }, () => ({}))];
}

function layersIn(history: readonly HistoryDocument[]): number {
  return history.filter((step) => step.empty_layer !== true).length;
}
