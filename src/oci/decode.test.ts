import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { isOciError } from '../errors.ts';
import { array, boolean, integer, object, optional, record, string } from './decode.ts';
import { descriptorFields } from './descriptor.ts';

const decoder = object({
  name: string,
  count: optional(integer, 7),
  flag: optional(boolean),
  tags: optional(array(string), []),
  labels: optional(record(string)),
});

it('gives known fields their types, fills in defaults and keeps the others', () => {
  expect(decoder({ name: 'x', flag: null, labels: { a: 'b', gone: null }, more: [1] }, '')).toEqual({
    name: 'x',
    count: 7,
    tags: [],
    labels: { a: 'b' },
    more: [1],
  });
});

it.each([
  [{}, 'name should be a string, found nothing'],
  [{ name: 1 }, 'name should be a string, found 1'],
  [{ name: 'x', count: -1 }, 'count should be a whole number that is not negative, found -1'],
  [{ name: 'x', count: 2 ** 53 }, 'count should be'],
  [{ name: 'x', flag: 'yes' }, 'flag should be true or false, found "yes"'],
  [{ name: 'x', tags: ['a', {}] }, 'tags[1] should be a string, found {}'],
  [{ name: 'x', labels: [] }, 'labels should be an object, found []'],
  [{ name: 'x', labels: { 'a"b': 1 } }, String.raw`labels["a\"b"] should be a string`],
  [[], 'The document should be an object'],
])('says where %j is wrong', (value, message) => {
  expect(() => decoder(value, '')).toThrow(expect.objectContaining({ code: 'INVALID_MANIFEST' }));
  expect(() => decoder(value, '')).toThrow(message);
});

it('reads own properties only', () => {
  expect(() => decoder(Object.create({ name: 'inherited' }), '')).toThrow('name should be a string, found nothing');
  const hostile = JSON.parse('{"name":"x","labels":{"__proto__":"y","constructor":"z"}}') as unknown;
  const { labels } = decoder(hostile, '');
  expect(Object.entries(labels ?? {})).toEqual([
    ['__proto__', 'y'],
    ['constructor', 'z'],
  ]);
  expect(labels?.['toString']).toBeUndefined();
});

it('shows a long wrong value only in part', () => {
  expect(() => decoder({ name: ['x'.repeat(10_000)] }, '')).toThrow(/^.{1,150}$/);
});

it('never fails in another way than by saying what is wrong', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        descriptorFields(value, '');
      } catch (error) {
        expect(isOciError(error, 'INVALID_MANIFEST') || isOciError(error, 'INVALID_DIGEST')).toBe(true);
      }
    }),
  );
});
