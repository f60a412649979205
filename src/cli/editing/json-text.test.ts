import { assert, json, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactJson, indentJson } from './json-text.ts';

describe('indentJson()', () => {
  it('gives each member and element a line of its own', () => {
    expect(indentJson('{"a":[1,2,{}],"b":{"c":"x, {y}"},"d":[]}')).toBe(
      '{\n  "a": [\n    1,\n    2,\n    {}\n  ],\n  "b": {\n    "c": "x, {y}"\n  },\n  "d": []\n}',
    );
  });

  it('is what JSON.stringify() writes, and compactJson() takes it back, for every document', () => {
    assert(
      property(json(), (text) => {
        const compact = JSON.stringify(JSON.parse(text));
        expect(indentJson(compact)).toBe(JSON.stringify(JSON.parse(text), undefined, 2));
        expect(compactJson(indentJson(compact))).toBe(compact);
      }),
    );
  });
});

describe('compactJson()', () => {
  it('keeps how numbers and texts are written, the order of members, and repeated ones', () => {
    const text = '{ "b" : 1.50e3 , "a" : 12345678901234567890, "a": "\\u003c \\" \\\\", "\\u0061":-0 }\n';
    expect(compactJson(text)).toBe('{"b":1.50e3,"a":12345678901234567890,"a":"\\u003c \\" \\\\","\\u0061":-0}');
  });
});
