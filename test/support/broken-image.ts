import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/content/hash.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { blobOf, type Sample } from '../conformance/samples.ts';
import { tarOf } from './sample-image.ts';

/** Numbers that follow from a seed. */
export type Pick = (below: number) => number;

interface DraftLayer {
  tar: Buffer;
  /** As it is stored. */
  bytes: Buffer;
  mediaType: string;
}

interface DraftEntry {
  mediaType: string;
  size: number;
  digest: string;
  platform?: DraftPlatform;
}

interface DraftPlatform {
  os: string;
  architecture: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
}

interface DraftConfig extends DraftPlatform {
  config: object;
  history?: object[];
  rootfs: { type?: string; diff_ids?: string[] };
}

interface DraftManifest {
  schemaVersion: number;
  mediaType?: string;
  config?: DraftEntry | undefined;
  layers: DraftEntry[];
}

interface DraftIndex {
  schemaVersion: number;
  mediaType: string;
  manifests: DraftEntry[];
}

/** An image that can still be changed. Changes are made before what they change gets a digest, but for `served`. */
interface Draft {
  readonly layers: DraftLayer[];
  configType: string;
  readonly platform: DraftPlatform;
  readonly config: ((config: DraftConfig) => void)[];
  readonly manifest: ((manifest: DraftManifest) => void)[];
  readonly index: ((index: DraftIndex) => void)[];
  readonly served: ((samples: readonly Sample[]) => readonly Sample[])[];
}

export interface BrokenImage {
  /** Of what was done. */
  readonly mutations: readonly string[];
  readonly samples: readonly Sample[];
  readonly image: Sample;
  /** The index that lists it. */
  readonly index: Sample;
}

/** A valid image with some of the given things wrong. */
export function brokenImage(pick: Pick, names: readonly string[]): BrokenImage {
  const draft = validDraft();
  for (const name of names) mutations[name]?.(draft, pick);
  return { mutations: names, ...built(draft) };
}

type Mutation = (draft: Draft, pick: Pick) => unknown;

/** What can be wrong. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'a byte of a layer': served('layer', (bytes, pick) => flipped(bytes, pick)),
  'a cut layer': served('layer', (bytes, pick) => bytes.subarray(0, pick(bytes.length))),
  'a longer layer': served('layer', (bytes) => Buffer.concat([bytes, Buffer.from('more')])),
  'a missing layer': missing('layer'),
  'a byte of the config': served('config', (bytes, pick) => flipped(bytes, pick)),
  'a cut config': served('config', (bytes, pick) => bytes.subarray(0, pick(bytes.length))),
  'a missing config': missing('config'),
  'a byte of the manifest': served('manifest', (bytes, pick) => flipped(bytes, pick)),
  'a missing manifest': missing('manifest'),
  'a wrong layer size': manifest(({ layers }, pick) => (one(layers, pick).size += pick(2) === 0 ? 1 : -1)),
  'a wrong config size': manifest((whole) => whole.config && (whole.config.size += 3)),
  'layers the wrong way round': manifest(({ layers }) => layers.reverse()),
  'a layer twice': manifest(({ layers }) => layers.push(...layers.slice(0, 1))),
  'a layer less': manifest(({ layers }) => layers.pop()),
  'a wrong diff ID': config(({ rootfs }, pick) => {
    const ids = rootfs.diff_ids ?? [];
    if (ids.length > 0) ids[pick(ids.length)] = digestOf(Buffer.from('another'));
  }),
  'a diff ID less': config(({ rootfs }) => rootfs.diff_ids?.pop()),
  'a diff ID more': config(({ rootfs }) => rootfs.diff_ids?.push(digestOf(Buffer.from('more')))),
  'no diff IDs': config(({ rootfs }) => delete rootfs.diff_ids),
  'a diff ID that is none': config(({ rootfs }) => (rootfs.diff_ids ?? []).splice(0, 1, 'sha256:12')),
  'another rootfs': config(({ rootfs }) => (rootfs.type = 'other')),
  'no rootfs type': config(({ rootfs }) => delete rootfs.type),
  'rootfs that is none': config((whole) => Object.assign(whole, { rootfs: 7 })),
  'history for other layers': config((whole) => (whole.history = [{ created_by: 'a' }])),
  'a layer that is no tar': layer((one) => {
    one.tar = Buffer.from('no tar at all '.repeat(100));
    one.bytes = gzipSync(one.tar);
  }),
  'an empty layer': layer((one) => {
    one.tar = Buffer.alloc(0);
    one.bytes = Buffer.alloc(0);
  }),
  'a doubled path': layer((one) => {
    one.tar = Buffer.concat([tarOf({ a: 'a', b: 'b' }).subarray(0, 2048), tarOf({ a: 'again' })]);
    one.bytes = gzipSync(one.tar);
  }),
  'a cut archive': layer((one) => {
    one.tar = tarOf({ a: 'a'.repeat(2000) }).subarray(0, 1100);
    one.bytes = gzipSync(one.tar);
  }),
  'cut gzip': layer((one, pick) => (one.bytes = one.bytes.subarray(0, 1 + pick(one.bytes.length - 1)))),
  'a byte in gzip': layer((one, pick) => (one.bytes = flipped(one.bytes, pick))),
  'garbage after gzip': layer((one) => (one.bytes = Buffer.concat([one.bytes, Buffer.from('garbage')]))),
  'a plain layer': layer((one) => (one.bytes = one.tar)),
  'a plain layer of a plain type': layer((one) => {
    one.bytes = one.tar;
    one.mediaType = mediaTypes.ociLayer;
  }),
  'gzip of a plain type': layer((one) => (one.mediaType = mediaTypes.ociLayer)),
  'something that is no layer': layer((one) => (one.mediaType = 'text/plain')),
  'a layer of another kind of type': layer((one) => (one.mediaType = mediaTypes.dockerLayerGzip)),
  'an artifact config': (draft) => (draft.configType = 'application/vnd.example+json'),
  'another system': (draft) => (draft.platform.os = 'windows'),
  'another architecture': (draft) => (draft.platform.architecture = 'arm64'),
  'another variant': (draft) => (draft.platform.variant = 'v7'),
  'another version': (draft) => (draft.platform['os.version'] = '10.0'),
  'other features of the system': (draft) => (draft.platform['os.features'] = ['win32k']),
  'a config with a variant': config((whole) => (whole.variant = 'v9')),
  'a config with a version': config((whole) => (whole['os.version'] = '1')),
  'the wrong type in the index': index(({ manifests }) => {
    for (const entry of manifests) entry.mediaType = mediaTypes.dockerManifest;
  }),
  'the wrong size in the index': index(({ manifests }) => {
    for (const entry of manifests) entry.size = 17;
  }),
  'a child that is not there': index(({ manifests }) => {
    for (const entry of manifests.slice()) manifests.push({ ...entry, digest: digestOf(Buffer.from('nobody')) });
  }),
  'a manifest with another type': manifest((whole) => (whole.mediaType = mediaTypes.dockerManifest)),
  'a manifest without a type': manifest((whole) => delete whole.mediaType),
  'layers that are no list': manifest((whole) => Object.assign(whole, { layers: 'x' })),
  'a config that is not named': manifest((whole) => delete whole.config),
};

function validDraft(): Draft {
  const tars = [tarOf({ a: 'first', 'dir/b': 'second' }), tarOf({ c: 'third'.repeat(500) }), tarOf({ d: '' })];
  return {
    layers: tars.map((tar) => ({ tar, bytes: gzipSync(tar), mediaType: mediaTypes.ociLayerGzip })),
    configType: mediaTypes.ociConfig,
    platform: { os: 'linux', architecture: 'amd64' },
    config: [],
    manifest: [],
    index: [],
    served: [],
  };
}

function built(draft: Draft): Omit<BrokenImage, 'mutations'> {
  const layers = draft.layers.map(({ bytes, mediaType }) => blobOf(bytes, mediaType));
  const rootfs = { type: 'layers', diff_ids: draft.layers.map(({ tar }): string => digestOf(tar)) };
  const configBlob = blobOf(
    changed<DraftConfig>({ os: 'linux', architecture: 'amd64', config: {}, rootfs }, draft.config),
    draft.configType,
  );
  const named = [...layers, configBlob].map(({ target: { mediaType, size, digest } }) => ({ mediaType, size, digest }));
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: named.pop(), layers: named };
  const image = blobOf(changed<DraftManifest>(document, draft.manifest), mediaTypes.ociManifest);
  const manifests = [{ ...image.target, platform: draft.platform }];
  const list = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  const samples = draft.served.reduce<readonly Sample[]>(
    (before, change) => change(before),
    [...layers, configBlob, image],
  );
  return { samples, image, index: blobOf(changed<DraftIndex>(list, draft.index), mediaTypes.ociIndex) };
}

function changed<T>(document: T, changes: readonly ((document: T) => void)[]): string {
  for (const change of changes) change(document);
  return JSON.stringify(document);
}

type Role = 'layer' | 'config' | 'manifest';

/** Layers come first, then the config, then the manifest. */
function placeOf(role: Role, count: number, pick: Pick): number {
  if (role === 'manifest') return count - 1;
  return role === 'config' ? count - 2 : pick(count - 2);
}

function served(role: Role, change: (bytes: Buffer, pick: Pick) => Buffer): Mutation {
  return (draft, pick) =>
    draft.served.push((samples) => {
      const place = placeOf(role, samples.length, pick);
      return samples.map((sample, i) =>
        i === place ? { ...sample, bytes: change(Buffer.from(sample.bytes), pick) } : sample,
      );
    });
}

function missing(role: Role): Mutation {
  return (draft, pick) =>
    draft.served.push((samples) => {
      const place = placeOf(role, samples.length, pick);
      // In its place stays something that nobody asks for, so that others are found.
      return samples.map((sample, i) => (i === place ? blobOf('in the place of another') : sample));
    });
}

function manifest(change: (manifest: DraftManifest, pick: Pick) => unknown): Mutation {
  return (draft, pick) => draft.manifest.push((whole) => void change(whole, pick));
}

function index(change: (index: DraftIndex) => unknown): Mutation {
  return (draft) => draft.index.push((whole) => void change(whole));
}

function config(change: (config: DraftConfig, pick: Pick) => unknown): Mutation {
  return (draft, pick) => draft.config.push((whole) => void change(whole, pick));
}

function layer(change: (layer: DraftLayer, pick: Pick) => unknown): Mutation {
  return (draft, pick) => void change(one(draft.layers, pick), pick);
}

function one<T>(list: readonly T[], pick: Pick): T {
  return list[pick(list.length)] as T;
}

function flipped(bytes: Buffer, pick: Pick): Buffer {
  const copy = Buffer.from(bytes);
  const at = pick(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << pick(8));
  return copy;
}
