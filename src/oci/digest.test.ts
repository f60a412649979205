import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { algorithmOf, hexOf, isDigest, parseDigest } from './digest.ts';

function linesOf(name: string): string[] {
  return readFileSync(new URL(`../../test/vectors/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .slice(0, -1);
}

describe('digests of the vector files', () => {
  it.each(linesOf('digests.valid.txt'))('%s is one', (text) => {
    const digest = parseDigest(text);
    expect(isDigest(text)).toBe(true);
    expect(`${algorithmOf(digest)}:${hexOf(digest)}`).toBe(text);
  });

  it.each([...linesOf('digests.invalid.txt'), '', `sha256:${'a'.repeat(64)}\n`])('%j is none', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'INVALID_DIGEST' }));
  });
});

it.each([
  ['abc', 'there is no algorithm before a colon'],
  ['sha1:abc', 'unsupported algorithm "sha1"'],
  ['toString:abc', 'unsupported algorithm "toString"'],
  ['sha256:abc', '64 hex characters expected, 3 found'],
  [`sha512:${'A'.repeat(128)}`, 'only the characters 0-9 and a-f'],
])('says what is wrong with %s', (text, reason) => {
  expect(() => parseDigest(text)).toThrow(reason);
});

it('takes no text but hex of the right length', () => {
  fc.assert(
    fc.property(fc.constantFrom('sha256', 'sha512'), fc.string({ maxLength: 130 }), (algorithm, hex) => {
      const isRight = hex.length === (algorithm === 'sha256' ? 64 : 128) && /^[0-9a-f]*$/.test(hex);
      expect(isDigest(`${algorithm}:${hex}`)).toBe(isRight);
    }),
  );
});
