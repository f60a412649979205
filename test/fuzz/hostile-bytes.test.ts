import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/archive/open-archive.ts';
import { openDockerArchive } from '../../src/archive/docker-archive.ts';
import { openOciArchive } from '../../src/archive/oci-archive.ts';
import { chunksOf } from '../../src/content/bytes.ts';
import { TarReader } from '../../src/content/tar/reader.ts';
import { isOciError } from '../../src/errors.ts';
import { openLayout } from '../../src/layout/layout-store.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { parseImageConfig } from '../../src/oci/image-config.ts';
import { parseLayoutIndex } from '../../src/oci/image-layout.ts';
import { childrenOf, manifestTypeOf, parseManifest } from '../../src/oci/manifest.ts';
import { parseReference, parseRegistry, parseRepository } from '../../src/oci/reference.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { validate } from '../../src/ops/validate.ts';
import { parseChallenges } from '../../src/wire/challenge.ts';
import { parseErrorBody } from '../../src/wire/error-body.ts';
import { parseNextLink } from '../../src/wire/link-header.ts';
import { parseWarnings } from '../../src/wire/warning.ts';
import { piecesOf } from '../conformance/samples.ts';
import { writeTree } from '../support/file-tree.ts';
import { dockerTarball, indexOf, layeredImage, layoutFiles, tarOf } from '../support/sample-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Whatever the bytes, a parser gives a value or an OciError: no TypeError from an assumption, no endless loop.

const image = layeredImage('fuzz', { layers: ['gzip', 'none', 'zstd'] });
const index = indexOf({ 'linux/amd64': image });
const layout = layoutFiles([image, index, ...image.blobs], { v1: image, index });
const docker = dockerTarball({ 'app:v1': image });
const oci = tarOf(layout);

/** Bytes of something valid with a few of them changed, inserted, left out or cut. */
function mutated(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const place = fc.nat({ max: bytes.length });
  const edit = fc.oneof(
    fc.record({ at: place, remove: fc.constant(1), insert: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
    fc.record({ at: place, remove: fc.nat({ max: 700 }), insert: fc.uint8Array({ maxLength: 8 }) }),
    fc.record({ at: place, remove: fc.nat({ max: 12 }), insert: fc.constantFrom(...tokens) }),
  );
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let result = Buffer.from(bytes);
    for (const { at, remove, insert } of edits) {
      const start = Math.min(at, result.length);
      result = Buffer.concat([result.subarray(0, start), insert, result.subarray(start + remove)]);
    }
    return result;
  });
}

/** What parsers like least. */
const tokens: readonly Uint8Array[] = [
  'null',
  '{}',
  '[]',
  '-1',
  '1e309',
  '""',
  '"__proto__":',
  '\\u0000',
  '../',
  '/',
  '\0',
  '9'.repeat(20),
  '77777777777',
  '[[[[',
  ',',
  '"',
].map((text) => Buffer.from(text));

/** A JSON document with one of its values, at any depth, made into something else. */
function distorted(text: string): fc.Arbitrary<Buffer> {
  const paths = pathsIn(JSON.parse(text), []);
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(null, -1, 2 ** 60, '', '../x', [], {}, [null], { a: null }),
  );
  return fc.tuple(fc.constantFrom(...paths), value).map(([path, replacement]) => {
    const document: unknown = JSON.parse(text);
    return Buffer.from(JSON.stringify(replaced(document, path, replacement)));
  });
}

function pathsIn(value: unknown, path: readonly string[]): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], replacement: unknown): unknown {
  if (key === undefined) return replacement;
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const fields = copy as Record<string, unknown>;
  fields[key] = replaced(fields[key], rest, replacement);
  return copy;
}

function onlyOciErrors(task: () => unknown): void {
  try {
    task();
  } catch (error) {
    if (!isOciError(error)) throw error;
    expect(error.message).not.toMatch(/undefined|\[object/);
  }
}

async function onlyOciErrorsFrom(task: () => Promise<unknown>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!isOciError(error)) throw error;
    expect(error.message).not.toMatch(/undefined|\[object/);
  }
}

const manifestText = Buffer.from(image.bytes).toString();
const indexText = Buffer.from(index.bytes).toString();
const configText = Buffer.from(image.config.bytes).toString();

describe('documents', () => {
  const documents = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    ...[manifestText, indexText, configText].flatMap((text) => [mutated(Buffer.from(text)), distorted(text)]),
  );

  it('of every kind are parsed or refused', () => {
    const types = [
      image.target,
      index.target,
      { ...image.target, mediaType: '' },
      { ...image.target, mediaType: 'x/y' },
    ];
    fc.assert(
      fc.property(documents, fc.constantFrom(...types), (bytes, target) => {
        onlyOciErrors(() => childrenOf(parseManifest(bytes, target)));
        onlyOciErrors(() => parseImageConfig(bytes, target.digest));
        onlyOciErrors(() => parseLayoutIndex(bytes, 'a test'));
        expect(typeof manifestTypeOf(bytes, target.mediaType)).toBe('string');
        expect(Array.isArray(parseErrorBody(bytes))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('that are deep do not exhaust the stack', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const text = `{"schemaVersion":2,"config":${open.repeat(200_000)}1${close.repeat(200_000)}}`;
      onlyOciErrors(() => parseManifest(Buffer.from(text), image.target));
      onlyOciErrors(() => parseImageConfig(Buffer.from(text), image.config.target.digest));
    }
  });
});

describe('texts', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          'a',
          'B',
          ':',
          '/',
          '@',
          '.',
          '-',
          '_',
          'sha256:',
          '[',
          ']',
          '::1',
          ' ',
          '\n',
          'localhost',
          '5000',
          '=',
          '"',
          ',',
          '\\',
          '<',
          '>',
          ';',
          'rel',
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join('')),
  );

  it('are references, digests, platforms and headers, or refused', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const parse of [parseReference, parseRepository, parseRegistry, parseDigest, parsePlatform])
          onlyOciErrors(() => parse(text));
        parseChallenges([text]);
        parseNextLink([text]);
        parseWarnings([text]);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('tar archives', () => {
  it('are read to their end or refused, whatever the chunks', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      mutated(tarOf({ 'a/b': 'x'.repeat(700), ['n'.repeat(150)]: 'long' })),
      mutated(docker),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 1500 }), async (content, size) => {
        await onlyOciErrorsFrom(async () => {
          let total = 0;
          for await (const entry of new TarReader(toAsync(piecesOf(content, size)))) {
            for await (const chunk of chunksOf(entry.body)) total += chunk.byteLength;
          }
          expect(total).toBeLessThanOrEqual(content.length);
        });
      }),
      { numRuns: 500 },
    );
  });
});

describe('archives and layouts', () => {
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(() => directory.remove());

  const manifestJson = JSON.stringify([
    { Config: 'c', RepoTags: ['app:v1'], Layers: ['a', 'b', 'c'], LayerSources: { x: image.target } },
  ]);
  const dockerWith = (bytes: Uint8Array): Buffer =>
    tarOf({ c: image.config.bytes, a: image.layers[0]?.bytes ?? '', 'manifest.json': bytes });

  it.each([
    ['docker archives', openDockerArchive, docker, distorted(manifestJson).map(dockerWith)],
    [
      'OCI archives',
      openOciArchive,
      oci,
      distorted(Buffer.from(layout['index.json'] ?? '').toString()).map((bytes) =>
        tarOf({ ...layout, 'index.json': bytes }),
      ),
    ],
    ['archives of either kind', openArchive, docker, mutated(oci)],
    ['compressed archives', openArchive, gzipSync(docker), mutated(gzipSync(oci))],
  ] as const)('%s are opened and read, or refused', async (_, open, valid, more) => {
    const path = directory.file('archive.tar');
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated(valid), more), async (bytes) => {
        await writeFile(path, bytes);
        await onlyOciErrorsFrom(async () => {
          await using archive = await open(path, { spoolDirectory: directory.path, maxUnpackedSize: 10_000_000 });
          await readAll({ store: archive, root: await archive.resolveSingle() });
        });
      }),
      { numRuns: 150 },
    );
  });

  it('layouts are opened and read, or refused', async () => {
    const text = (path: string): string => Buffer.from(layout[path] ?? '').toString();
    const change = fc.oneof(
      ...['index.json', 'oci-layout'].map((path) =>
        fc.oneof(mutated(Buffer.from(text(path))), distorted(text(path))).map((bytes) => ({ path, bytes })),
      ),
      ...[image, index, ...image.blobs].map((sample) =>
        mutated(sample.bytes).map((bytes) => ({ path: `blobs/${sample.target.digest.replace(':', '/')}`, bytes })),
      ),
    );
    await fc.assert(
      fc.asyncProperty(change, fc.constantFrom('v1', 'index', image.target.digest), async ({ path, bytes }, name) => {
        const root = join(directory.path, 'layout');
        await rm(root, { recursive: true, force: true });
        await writeTree(root, { ...layout, [path]: bytes });
        await onlyOciErrorsFrom(async () => {
          const store = await openLayout(root);
          await readAll({ store, root: await store.resolve(name) });
        });
      }),
      { numRuns: 150 },
    );
  });
});

/** Everything an image consists of, as `crane validate` reads it. */
async function readAll(artifact: Artifact): Promise<void> {
  for (const { message } of await validate(artifact)) expect(message).not.toMatch(/undefined|\[object|TypeError/);
}

async function* toAsync(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}
