import { describe, expect, it } from 'vitest';
import type { HistoryDocument } from '../../oci/document/config-document.ts';
import { type LayerHistory, rebasedHistory } from './rebased-history.ts';

/** `a+ b` is a step `a` that adds a layer, and a step `b` that adds none; after a colon the number of layers. */
function history(text: string): LayerHistory {
  const [steps = '', layers = '0'] = text.split(':');
  const words = steps.split(' ').filter((word) => word !== '');
  const step = (word: string): HistoryDocument =>
    word.endsWith('+') ? { created_by: word.slice(0, -1) } : { created_by: word, empty_layer: true };
  return { history: words.map(step), layers: Number(layers) };
}

/** The same in return; `?+` is a step that says nothing. */
function shown(steps: readonly HistoryDocument[]): string {
  return steps.map((step) => `${step.created_by ?? '?'}${step.empty_layer === true ? '' : '+'}`).join(' ');
}

describe('the history of an image on a new base', () => {
  it.each([
    ['both fit', 'a+ A b+ s+ S:3', 'a+ A b+:2', 'n+ N:1', 'n+ N s+ S'],
    ['empty steps around the border stay on their side', 'a+ A S s+:2', 'a+ A:1', 'n+:1', 'n+ S s+'],
    ['the base says nothing', 'a+ A s+ S:2', ':1', 'n+:1', 'n+ A s+ S'],
    ['the base says too little', 'a+ b+ s+:3', 'a+:2', 'n+:1', 'n+ s+'],
    ['the base says too much', 'a+ b+ s+:3', 'a+ b+ c+:2', 'n+:1', 'n+ s+'],
    ['the base was built anew with other words', 'x+ Y s+ S:2', 'a+ A:1', 'n+:1', 'n+ s+ S'],
    ['the image says nothing', ':3', 'a+:1', 'n+ N:1', 'n+ N ?+ ?+'],
    ['nobody says anything', ':3', ':1', ':2', ''],
    ['the new base says nothing', 'a+ s+:2', 'a+:1', ':2', '?+ ?+ s+'],
    ['the image tells of its own layers only', 's+ S:3', 'a+ b+:2', 'n+:1', 'n+ s+ S'],
    ['the image tells of its base only', 'a+ A:2', 'a+ A:1', 'n+:1', 'n+ ?+'],
    ['the image tells of a part of its base', 'a+:4', 'a+ b+:2', 'n+:1', 'n+ ?+ ?+'],
    ['the image tells of too many layers', 'a+ s+ t+:2', 'a+:1', 'n+:1', 'n+ t+'],
    ['the image is its base', 'a+ A:1', 'a+ A:1', 'n+:1', 'n+'],
    ['the base is empty', 's+ S:1', ':0', 'n+:1', 'n+ s+ S'],
    ['the new base is empty', 'a+ s+:2', 'a+:1', ':0', 's+'],
  ])('%s', (_, image, oldBase, newBase, expected) => {
    expect(shown(rebasedHistory(history(image), history(oldBase), history(newBase)))).toBe(expected);
  });

  it('is refused where the new base tells of more layers than it has', () => {
    expect(() => rebasedHistory(history('a+:1'), history('a+:1'), history('n+ m+:1'))).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining('a history of 2 layers') }),
    );
  });
});
