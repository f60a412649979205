import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { rawConfigOf, rawManifestOf } from '../read.ts';
import type { ImageEdit } from './image-edit.ts';
import { mutateImage } from './mutate-image.ts';

// One edit at a time, of documents with members that nobody knows in every object: all else stays, theirs byte for byte.

type Json = Readonly<Record<string, unknown>>;

/** Values that an encoder would write in another way. */
const odd = [
  '1.0',
  '5e9',
  '-0',
  '{"b" : 1,\n"a":2}',
  '"\\u0041\\/"',
  '[ ]',
  'null',
  '12345678901234567890',
  '{"__proto__":{}}',
];

interface Generated {
  readonly text: string;
  /** Members as they are written. */
  readonly unknown: readonly string[];
}

/** The text of a document whose members called `unknown…` have odd values. */
const written = (document: fc.Arbitrary<object>): fc.Arbitrary<Generated> =>
  fc.tuple(document, fc.array(fc.constantFrom(...odd), { minLength: 40, maxLength: 40 })).map(([value, values]) => {
    const unknown: string[] = [];
    const text = JSON.stringify(value).replace(/"unknown":0/g, () => {
      const member = `"unknown-${unknown.length}":${values[unknown.length % values.length]}`;
      unknown.push(member);
      return member;
    });
    return { text, unknown };
  });

const texts = fc.constantFrom('a', 'b', '', '<é>', '10');
const lists = fc.array(texts, { maxLength: 3 });
const sets = fc.constantFrom({}, { '/a': {} }, { '/b': { unknown: 0 }, '10': {} });
const maps = fc.dictionary(fc.constantFrom('a', 'b', '10', '__proto__'), texts, { maxKeys: 3 });
const digests = fc.constantFrom('ab', '12').map((hex) => `sha256:${hex.repeat(32)}`);
const times = fc.constantFrom('2024-01-02T03:04:05.6Z', '1970-01-01T00:00:00-07:30');

/** An object of some of these members, perhaps with one that nobody knows. */
function objects(members: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  return fc.record({ ...members, unknown: fc.constant(0) }, { requiredKeys: [] });
}

const configs = written(
  objects({
    architecture: texts,
    author: texts,
    created: times,
    history: fc.array(objects({ created: times, created_by: texts, empty_layer: fc.boolean() }), { maxLength: 3 }),
    os: fc.constantFrom('linux', 'freebsd'),
    rootfs: objects({ type: fc.constant('layers'), diff_ids: fc.array(digests, { maxLength: 2 }) }),
    config: objects({
      Cmd: fc.option(lists),
      Entrypoint: lists,
      Env: fc.uniqueArray(fc.constantFrom('A=1', 'B=', 'NONE'), { maxLength: 3 }),
      ExposedPorts: sets,
      Healthcheck: objects({ Test: fc.constant(['CMD', 'x']), Interval: fc.nat(), StartInterval: fc.nat() }),
      Labels: maps,
      OnBuild: lists,
      Shell: lists,
      StopSignal: texts,
      StopTimeout: fc.nat(),
      Tty: fc.boolean(),
      User: texts,
      Volumes: sets,
    }),
    variant: texts,
    'os.features': lists,
    parent: texts,
    'moby.buildkit.cache.v0': texts,
  }),
);

const descriptors = fc
  .tuple(objects({ annotations: maps, urls: lists, artifactType: texts }), digests, fc.nat())
  .map(([some, digest, size]) => Object.assign({ mediaType: mediaTypes.ociLayerGzip, digest, size }, some));

const manifests = written(
  objects({
    layers: fc.array(descriptors, { maxLength: 3 }),
    annotations: maps,
    subject: descriptors,
    artifactType: texts,
  }),
);

interface Change {
  readonly edit: ImageEdit;
  /** The member of the config that it changes, and what it is then. */
  readonly path: readonly string[];
  after(this: void, before: unknown): unknown;
}

const changes: readonly Change[] = [
  setting('Labels', { labels: { set: { z: '' } } }, (before = {}) => ({ ...(before as Json), z: '' })),
  setting('Env', { env: { set: ['B=2'], unset: ['A'] } }, (before = []) => {
    const kept = (before as readonly string[]).filter((entry) => entry !== 'A=1');
    return kept.includes('B=') ? kept.map((entry) => (entry === 'B=' ? 'B=2' : entry)) : [...kept, 'B=2'];
  }),
  setting('Cmd', { cmd: ['new'] }, () => ['new']),
  setting('Cmd', { cmd: null }, () => undefined),
  setting('Entrypoint', { entrypoint: ['e'] }, () => ['e']),
  setting('User', { user: 'u' }, () => 'u'),
  setting('WorkingDir', { workdir: '/w' }, () => '/w'),
  setting('ExposedPorts', { exposedPorts: { add: ['9'] } }, (before = {}) => ({ ...(before as Json), 9: {} })),
  setting('Volumes', { volumes: { add: ['/v'] } }, (before = {}) => ({ ...(before as Json), '/v': {} })),
  setting('StopSignal', { stopSignal: 'SIGINT' }, () => 'SIGINT'),
  setting('Healthcheck', { healthcheck: { test: ['NONE'], retries: 3, startInterval: 7 } }, (before = {}) => ({
    ...(before as Json),
    Test: ['NONE'],
    Retries: 3,
    StartInterval: 7,
  })),
  { edit: { author: 'me' }, path: ['author'], after: () => 'me' },
  { edit: { created: '2020-01-01T00:00:00Z' }, path: ['created'], after: () => '2020-01-01T00:00:00Z' },
  {
    edit: { history: { createdBy: 'h' } },
    path: ['history'],
    after: (before = []) => [...(before as readonly unknown[]), { created_by: 'h', empty_layer: true }],
  },
];

function setting(name: string, edit: ImageEdit, after: Change['after']): Change {
  return { edit, path: ['config', name], after };
}

it('an edit of a config changes what it names, and keeps every byte that nobody knows', async () => {
  const property = fc.asyncProperty(
    configs,
    manifests,
    fc.constantFrom(...changes),
    async (config, manifest, change) => {
      const image = await imageOfDocuments(config.text, parsed(manifest.text));
      const after = await mutateImage(image, change.edit);
      const text = Buffer.from(await rawConfigOf(after)).toString();
      expect(meaning(parsed(text))).toEqual(meaning(changed(parsed(config.text), change.path, change.after)));
      for (const member of config.unknown) expect(text).toContain(member);
      const before = parsed(await rawManifestOf(image));
      const { config: own, ...rest } = parsed(await rawManifestOf(after));
      expect(meaning(rest)).toEqual(meaning({ ...before, config: undefined }));
      expect(own).toMatchObject({ mediaType: mediaTypes.ociConfig, size: Buffer.byteLength(text) });
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

it('an edit of annotations keeps the config to the byte, and what nobody knows of the manifest', async () => {
  const property = fc.asyncProperty(configs, manifests, async (config, manifest) => {
    const image = await imageOfDocuments(config.text, parsed(manifest.text));
    const bytes = Buffer.from(await rawManifestOf(image))
      .toString()
      .replace(/\}$/, ',"more":{"x" : 1.0}}');
    const root = await image.store.add(Buffer.from(bytes), mediaTypes.ociManifest);
    const edited = await mutateImage({ ...image, root }, { annotations: { set: { k: 'v' }, unset: ['a'] } });
    expect(Buffer.from(await rawConfigOf(edited)).toString()).toBe(config.text);
    const after = Buffer.from(await rawManifestOf(edited)).toString();
    expect(after).toContain('"more":{"x" : 1.0}');
    const { a: _, ...annotations } = (parsed(bytes)['annotations'] ?? {}) as Json;
    expect(meaning(parsed(after))).toEqual(meaning({ ...parsed(bytes), annotations: { ...annotations, k: 'v' } }));
  });
  await fc.assert(property, { numRuns: 100 });
});

function parsed(text: string | Uint8Array): Json {
  return JSON.parse(Buffer.from(text).toString()) as Json;
}

function changed(document: unknown, [name, ...path]: readonly string[], after: Change['after']): unknown {
  if (name === undefined) return after(document ?? undefined);
  const before = (document ?? {}) as Json;
  return { ...before, [name]: changed(before[name], path, after) };
}

/** What a reader finds, without what stands for nothing. */
function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => [key, meaning(member)] as const);
  return new Map(members.filter(([, member]) => !isNothing(member)));
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true;
  if (value === '0001-01-01T00:00:00Z') return true;
  return typeof value === 'object' && (value instanceof Map ? value.size : (value as readonly unknown[]).length) === 0;
}
