import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configDocument } from './config-document.ts';
import type { DocumentFormat } from './document.ts';
import { imageDocument, indexDocument } from './manifest-document.ts';

interface Vector {
  readonly in: string;
  readonly out?: string;
  readonly digest?: string;
}

type Vectors = Readonly<Record<'configs' | 'images' | 'indexes', readonly Vector[]>>;

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/documents.json', import.meta.url), 'utf8'),
) as Vectors;

const formats: readonly (readonly [string, DocumentFormat<object>, readonly Vector[]])[] = [
  ['config', configDocument, vectors.configs],
  ['image manifest', imageDocument, vectors.images],
  ['index', indexDocument, vectors.indexes],
];

function again(format: DocumentFormat<object>, text: string): string {
  return new TextDecoder().decode(format.encode(format.parse(new TextEncoder().encode(text), 'It')));
}

function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(known);
  if (value instanceof Map) return new Map(Array.from(value, ([key, member]) => [key, known(member)]));
  if (typeof value !== 'object' || value === null) return value;
  // Unknown members stand under a symbol.
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, known(member)]));
}

/** What crane reads and we do not, each for its reason. */
const refused: readonly RegExp[] = [/"config":.*"config":|"history":.*"history":/, /trailing$/];

for (const [name, format, cases] of formats) {
  describe(`of the ${name}`, () => {
    it.each(cases)('$in becomes what crane makes of it, apart from what crane loses', ({ in: text, out, digest }) => {
      if (out === undefined && !text.includes('sha512')) {
        expect(() => again(format, text)).toThrow(/^It/);
        return;
      }
      if (refused.some((pattern) => pattern.test(text))) {
        expect(() => again(format, text)).toThrow(/twice|is not JSON/);
        return;
      }
      const parsed = format.parse(new TextEncoder().encode(text), 'It');
      const encoded = format.encode(known(parsed) as object);
      if (out === undefined) return;
      expect(new TextDecoder().decode(encoded)).toBe(out);
      expect(`sha256:${createHash('sha256').update(encoded).digest('hex')}`).toBe(digest);
      // Go's zero of a digest, ":", is none to read.
      if (!out.includes('":"')) expect(again(format, out)).toBe(out);
    });
  });
}

describe('documents', () => {
  it('keep what nobody knows behind what is known, in each object and byte for byte', () => {
    const config =
      '{"x-first" : 1.50, "config":{ "Memory" : 9007199254740993,"User":"u","Healthcheck":{"StartInterval": 5e9,"Retries":1}},' +
      '"10":{ "b" : [ ], "a":"<" },"9":"\\u003c","rootfs":{"z":true,"type":"layers"},"history":[{"x\\u0079":null,"created_by":"<"}],"os":"l"}';
    expect(again(configDocument, config)).toBe(
      '{"architecture":"","created":"0001-01-01T00:00:00Z",' +
        '"history":[{"created":"0001-01-01T00:00:00Z","created_by":"\\u003c","x\\u0079":null}],"os":"l",' +
        '"rootfs":{"type":"layers","diff_ids":null,"z":true},' +
        '"config":{"Healthcheck":{"Retries":1,"StartInterval":5e9},"User":"u","Memory":9007199254740993},' +
        '"x-first":1.50,"10":{ "b" : [ ], "a":"<" },"9":"\\u003c"}',
    );
    const digest = `"sha256:${'0a'.repeat(32)}"`;
    const entry = `{"x-entry":{"é":[1.0]},"platform":{"x-platform":1e2,"os":"l"},"digest":${digest},"size":9223372036854775807}`;
    expect(again(indexDocument, `{"x":[],"manifests":[${entry}]}`)).toBe(
      `{"schemaVersion":0,"manifests":[{"mediaType":"","size":9223372036854775807,"digest":${digest},` +
        '"platform":{"architecture":"","os":"l","x-platform":1e2},"x-entry":{"é":[1.0]}}],"x":[]}',
    );
  });

  it('take names in any letter case, and two of one name never', () => {
    expect(again(configDocument, '{"OS":"a","Config":{"CMD":["x"],"uſer":"u"}}')).toContain('"Cmd":["x"],"User":"u"');
    for (const text of ['{"os":"a","OS":"b"}', '{"x":1,"x":1}', '{"config":{"Labels":{"a":"1","a":"2"}}}']) {
      expect(() => again(configDocument, text)).toThrow('stands in the document twice');
    }
    // Unknown members are as different as they look.
    expect(again(configDocument, '{"X":1,"x":2}')).toContain('"X":1,"x":2');
  });

  it('of one kind have no members of the other', () => {
    expect(() => again(indexDocument, '{"manifests":[],"Layers":[]}')).toThrow('of another kind of document');
    expect(() => again(imageDocument, '{"layers":[],"manifests":null}')).toThrow('of another kind of document');
  });

  it('say where they are wrong', () => {
    expect(() => again(configDocument, '{"history":[{},{"created":"yesterday"}]}')).toThrow(
      'It: history[1].created should be a time as RFC 3339 has it, found "yesterday"',
    );
    expect(() => again(imageDocument, '{"layers":[{"size":9223372036854775808}]}')).toThrow(
      'It: layers[0].size should be a whole number of 64 bits, found 9223372036854775808',
    );
    expect(() => again(imageDocument, '{"annotations":{"a":1}}')).toThrow('It: annotations["a"] should be a string');
    for (const text of ['null', '[]', '1', '']) expect(() => again(configDocument, text)).toThrow(/^It/);
  });

  it('have keys that would be special elsewhere', () => {
    const text =
      '{"schemaVersion":2,"manifests":[],"annotations":{"":"0","10":"a","9":"b","__proto__":"c"},"__proto__":{"a":1}}';
    expect(again(indexDocument, text)).toBe(text);
  });
});

const names = ['x', 'moby.buildkit', '10', '__proto__', 'Memory', '<', 'é', '｡', '𐀀'];

function withUnknown(known: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return fc
    .tuple(known, fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }))
    .map(([some, others]) => Object.assign(some, others));
}

const texts = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...names)), fc.string(), { maxKeys: 3 });
const strings = fc.option(fc.array(fc.string(), { maxLength: 3 }));
const digests = fc.constantFrom('ab', '12').map((hex) => `sha256:${hex.repeat(32)}`);
const times = fc
  .date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

const configs = withUnknown(
  fc.record(
    {
      os: fc.string(),
      created: times,
      'os.features': strings,
      rootfs: withUnknown(fc.record({ diff_ids: fc.array(digests) }, { requiredKeys: [] })),
      history: fc.array(withUnknown(fc.record({ created: times, empty_layer: fc.boolean() }, { requiredKeys: [] })), {
        maxLength: 3,
      }),
      config: withUnknown(
        fc.record(
          { Env: strings, Labels: texts, Tty: fc.boolean(), Volumes: fc.constant({ b: {}, a: { c: 1 } }) },
          { requiredKeys: [] },
        ),
      ),
    },
    { requiredKeys: [] },
  ),
);
const descriptors = withUnknown(
  fc.record(
    {
      mediaType: fc.string(),
      digest: digests,
      size: fc.maxSafeNat(),
      annotations: texts,
      urls: strings,
      data: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      platform: withUnknown(fc.record({ os: fc.string(), features: strings }, { requiredKeys: [] })),
    },
    { requiredKeys: ['digest'] },
  ),
);
const images = withUnknown(
  fc.record(
    {
      schemaVersion: fc.nat(),
      config: descriptors,
      layers: fc.array(descriptors, { maxLength: 3 }),
      subject: descriptors,
    },
    { requiredKeys: ['config'] },
  ),
);
const indexes = withUnknown(
  fc.record(
    { manifests: fc.array(descriptors, { maxLength: 3 }), annotations: texts, artifactType: fc.string() },
    { requiredKeys: [] },
  ),
);

/** What a reader of JSON finds in it, without what stands for nothing. */
function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, meaning(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => !isNothing(member)));
}

function isNothing(value: unknown): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true;
  if (value === '0001-01-01T00:00:00Z') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

describe.each([
  ['configs', configDocument as DocumentFormat<object>, configs],
  ['image manifests', imageDocument as DocumentFormat<object>, images],
  ['indexes', indexDocument as DocumentFormat<object>, indexes],
] as const)('%s', (_, format, documents) => {
  it('mean the same when they are written again, and are written the same the third time', () => {
    const property = fc.property(documents, fc.constantFrom(undefined, 1), (document, indent) => {
      const text = JSON.stringify(document, null, indent);
      const written = again(format, text);
      expect(again(format, written)).toBe(written);
      const normal = text.replace(/(\d\d:\d\d:\d\d)(\.\d+)Z/g, (_all, time: string, fraction: string) => {
        const kept = fraction.replace(/\.?0+$/, '');
        return `${time}${kept}Z`;
      });
      expect(meaning(JSON.parse(written))).toEqual(meaning(JSON.parse(normal)));
    });
    fc.assert(property, { numRuns: 60 });
  });
});
