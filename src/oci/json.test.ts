import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8, encodeJson, type JsonValue, parseJson, sortedByKey } from './json.ts';

interface JsonVectors {
  readonly strings: readonly { readonly utf8: string; readonly json: string }[];
  readonly decodedAndEncoded: readonly { readonly json: string; readonly encoded: string }[];
  readonly sortedMap: { readonly json: string };
}

const vectors = JSON.parse(
  readFileSync(new URL('../../test/vectors/json.json', import.meta.url), 'utf8'),
) as JsonVectors;

function hexOf(text: string): string {
  return Buffer.from(text).toString('hex');
}

it('refuses what is nested too deep to walk, and not what only looks so', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = (depth: number): Uint8Array => Buffer.from(`${open.repeat(depth)}1${close.repeat(depth)}`);
    expect(() => parseJson(nested(100_000), 'It')).toThrow('It is nested more than 200 levels deep');
    expect(() => parseJson(nested(200), 'It')).not.toThrow();
  }
  const flat = JSON.stringify([...Array.from({ length: 1000 }, () => [{}]), '['.repeat(1000), '\\"['.repeat(1000)]);
  expect(parseJson(Buffer.from(flat), 'It')).toEqual(JSON.parse(flat));
});

describe('JSON as Go writes it', () => {
  it.each(vectors.strings)('escapes the text $utf8 as Go does', ({ utf8, json }) => {
    const bytes = Buffer.from(utf8, 'hex');
    const text = bytes.toString();
    // Texts here are never invalid UTF-8: a document that is gets refused when it is read.
    if (!Buffer.from(text).equals(bytes)) {
      expect(() => parseJson(Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')]), 'It')).toThrow('not UTF-8');
      return;
    }
    expect(hexOf(encodeJson(text))).toBe(json);
  });

  it.each(vectors.decodedAndEncoded)('gives $json back as Go does', ({ json, encoded }) => {
    expect(hexOf(encodeJson(parseJson(Buffer.from(json), 'It') as JsonValue))).toBe(encoded);
  });

  it('sorts maps by the bytes of their keys, numbers included', () => {
    const parsed = parseJson(Buffer.from(vectors.sortedMap.json), 'It') as Record<string, string>;
    expect(encodeJson(sortedByKey(parsed))).toBe(vectors.sortedMap.json);
  });

  it('leaves out what is undefined and keeps the order it is given', () => {
    expect(encodeJson({ b: 1, a: undefined, c: [true, null, { d: [] }] })).toBe('{"b":1,"c":[true,null,{"d":[]}]}');
    expect(
      encodeJson(
        new Map<string, JsonValue | undefined>([
          ['10', 1],
          ['9', 2],
          ['x', undefined],
        ]),
      ),
    ).toBe('{"10":1,"9":2}');
  });

  it('escapes keys too', () => {
    expect(encodeJson({ '<&>': 1 })).toBe(String.raw`{"\u003c\u0026\u003e":1}`);
  });

  it('indents as the layout files are, empty lists and objects closed at once', () => {
    expect(encodeJson({ a: [], b: {}, c: [1, { d: 2 }] }, { indent: '   ' })).toBe(
      '{\n   "a": [],\n   "b": {},\n   "c": [\n      1,\n      {\n         "d": 2\n      }\n   ]\n}',
    );
  });

  it('is the JSON that was meant', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, '   '), (value, indent) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(encodeJson(expected as JsonValue, { indent }))).toEqual(expected);
      }),
    );
  });

  it('orders texts as their UTF-8 bytes are ordered', () => {
    const text = fc.string({ unit: 'binary', maxLength: 8 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

describe('a document from outside', () => {
  it.each([
    ['empty', '', 'is not JSON'],
    ['cut', '{"a":', 'is not JSON'],
    ['two documents', '{}{}', 'is not JSON'],
  ])('that is %s is refused by name', (_, text, reason) => {
    const parse = (): unknown => parseJson(Buffer.from(text), 'Config sha256:abc', 'INVALID_CONFIG');
    expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
    expect(parse).toThrow(`Config sha256:abc ${reason}`);
  });

  it('may start with a byte order mark', () => {
    expect(parseJson(Buffer.from('\ufeff{"a":1}'), 'It')).toEqual({ a: 1 });
  });

  it('cannot change the prototype of anything', () => {
    const parsed = parseJson(Buffer.from('{"__proto__":{"polluted":true}}'), 'It') as object;
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
  });
});
