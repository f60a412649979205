import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileOfTag, tagOfFile } from './paths.ts';

const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);

describe('fileOfTag', () => {
  it('gives a file name that stands for the tag', () => {
    fc.assert(
      fc.property(tag, (text) => {
        expect(tagOfFile(fileOfTag(text))).toBe(text);
      }),
    );
  });

  it('gives different tags different files, also where file names ignore case', () => {
    expect(fileOfTag('latest')).toBe('latest');
    fc.assert(
      fc.property(tag, (text) => {
        const others = [text.toLowerCase(), text.toUpperCase()].filter((other) => other !== text);
        for (const other of others) expect(fileOfTag(other).toLowerCase()).not.toBe(fileOfTag(text).toLowerCase());
      }),
    );
  });

  it('gives names that every file system takes', () => {
    expect(fileOfTag('X'.repeat(128)).length).toBeLessThan(255);
    fc.assert(
      fc.property(tag, (text) => {
        expect(fileOfTag(text)).toMatch(/^[a-z0-9_][a-z0-9._-]*(![0-9a-f]+)?$/);
      }),
    );
  });
});

describe('tagOfFile', () => {
  it.each(['.latest.0123.partial', 'a!', 'a!x', 'a!ffffffffffffffffffffffffffffffffff', '', 'a b'])(
    'leaves out the foreign file %j',
    (file) => {
      expect(tagOfFile(file)).toBeUndefined();
    },
  );
});
