import { expect, it } from 'vitest';
import { Texts } from './attributes.ts';
import { PagedMemory } from './paged-memory.ts';

it('keeps texts that come again once, also when there are too many to remember all', () => {
  const texts = new Texts(new PagedMemory());
  const large = 'x'.repeat(1024 * 1024);
  const places = Array.from({ length: 1000 }, () => texts.placeOf(large));
  expect(new Set(places).size).toBe(1);
  const others = Array.from({ length: 20 }, (_, i) => texts.placeOf(large + i));
  expect(new Set(others).size).toBe(20);
  others.forEach((place, i) => expect(texts.textAt(place)).toBe(large + i));
  for (const text of ['', 'ü\udc80']) expect(texts.textAt(texts.placeOf(text))).toBe(text);
});
