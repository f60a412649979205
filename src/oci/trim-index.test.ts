import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDigest } from './digest.ts';
import { elementSpans, memberSpans } from './json-spans.ts';
import { type KeptEntry, trimIndex } from './trim-index.ts';

const digest = parseDigest(`sha256:${'ab'.repeat(32)}`);

function trimmed(text: string, entryAt: (position: number) => KeptEntry | undefined): string {
  return new TextDecoder().decode(trimIndex(new TextEncoder().encode(text), entryAt));
}

describe('trimIndex()', () => {
  it('leaves every byte beside the entries that go', () => {
    const text = '{ "x" : 1e2, "manifests" :\n [ {"a":1} ,\n {"b": "],{"} , [3]\n] , "10": [ ], "1": null }\n';
    expect(trimmed(text, (position) => (position === 1 ? undefined : 'same'))).toBe(
      '{ "x" : 1e2, "manifests" :\n [ {"a":1} , [3]\n] , "10": [ ], "1": null }\n',
    );
    expect(trimmed(text, (position) => (position === 0 ? undefined : 'same'))).toBe(
      '{ "x" : 1e2, "manifests" :\n [ {"b": "],{"} , [3]\n] , "10": [ ], "1": null }\n',
    );
    expect(trimmed(text, () => undefined)).toBe('{ "x" : 1e2, "manifests" :\n [ \n] , "10": [ ], "1": null }\n');
  });

  it('lets an entry name other content, and embed it where it embedded the old', () => {
    const entry = '{"digest" : "sha256:old","size":7 ,"data":"eA==", "annotations":{"digest":"mine","size":"7"}}';
    expect(trimmed(`{"manifests":[${entry}]}`, () => ({ digest, size: 42, data: 'eXk=' }))).toBe(
      `{"manifests":[{"digest" : "${digest}","size":42 ,"data":"eXk=", "annotations":{"digest":"mine","size":"7"}}]}`,
    );
  });

  it('takes the last of repeated members, as whoever parses the document does', () => {
    expect(trimmed('{"manifests":[1],"manifests":[2,3]}', (position) => (position === 0 ? 'same' : undefined))).toBe(
      '{"manifests":[1],"manifests":[2]}',
    );
  });

  it('removes from any document exactly what it is told', () => {
    const property = fc.property(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      fc.constantFrom(undefined, 2, '\t'),
      (manifests, others, stays, indent) => {
        const document = { ...others, manifests };
        const text = JSON.stringify(document, null, indent);
        const result = trimmed(text, (position) => (stays[position] === true ? 'same' : undefined));
        const kept = (JSON.parse(text) as typeof document).manifests.filter((_, position) => stays[position]);
        expect(JSON.parse(result)).toEqual({ ...(JSON.parse(text) as object), manifests: kept });
        expect(trimmed(text, () => 'same')).toBe(text);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

describe('spans', () => {
  it('find the values of any document where they are written', () => {
    const property = fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1),
      (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const members = Array.from(memberSpans(text), ([key, { start, end }]) => [
          key,
          JSON.parse(text.slice(start, end)),
        ]);
        expect(new Map(members as [string, unknown][])).toEqual(new Map(Object.entries(JSON.parse(text) as object)));
        const list = JSON.stringify(Object.values(value), null, indent);
        const elements = elementSpans(list, 0).map(({ start, end }) => JSON.parse(list.slice(start, end)) as unknown);
        expect(elements).toEqual(JSON.parse(list));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});
