import type { HistoryDocument } from '../../oci/document/config-document.ts';
import { readableStep } from './readable-step.ts';
import type { HistoryStepSummary } from './summary.ts';
import { timeOf } from './values.ts';

/** Real histories have a hundred steps; a config full of empty ones would have millions. */
const maxSteps = 10_000;

export interface HistorySummary {
  readonly steps: readonly HistoryStepSummary[];
  readonly warnings: readonly string[];
}

/**
 * The steps of a history with the layers that they made. Steps and layers belong together by their order alone: where there are
 * more or fewer steps with a layer than layers, nothing says which is missing, and no step has one.
 */
export function historySummary(history: readonly HistoryDocument[], layers: number): HistorySummary {
  const made = history.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length;
  const agrees = made === layers;
  let next = 0;
  const steps = history.slice(0, maxSteps).map((entry) => {
    const { created_by: createdBy = '', author = '', comment = '', empty_layer: emptyLayer = false } = entry;
    const layer = emptyLayer ? undefined : next++;
    return {
      created: timeOf(entry.created),
      createdBy: createdBy === '' ? undefined : createdBy,
      step: readableStep(createdBy) || undefined,
      author: author === '' ? undefined : author,
      comment: comment === '' ? undefined : comment,
      emptyLayer,
      layer: agrees ? layer : undefined,
    };
  });
  return { steps, warnings: [...disagreement(history.length, made, layers), ...leftOut(history.length)] };
}

function disagreement(steps: number, made: number, layers: number): readonly string[] {
  // Nothing is said where there is no history.
  if (steps === 0 || made === layers) return [];
  return [
    `The history does not agree with the layers: steps that made one: ${made}, layers: ${layers}; which step made which layer is not known`,
  ];
}

function leftOut(steps: number): readonly string[] {
  return steps > maxSteps ? [`The history has ${steps} steps, of which the first ${maxSteps} are shown`] : [];
}
