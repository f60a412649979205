import type { FileHandle } from 'node:fs/promises';
import { type ByteStream, pipe } from '../content/bytes.ts';
import { decompressing } from '../content/compression.ts';
import { createFileAtomically, writeChunks } from '../content/file.ts';
import { digestOf } from '../content/hash.ts';
import { spool } from '../content/spool.ts';
import { paddingOf } from '../content/tar/entry.ts';
import { type TarInput, tarTrailer, writeTar } from '../content/tar/writer.ts';
import { VerifiedStream } from '../content/verify.ts';
import { OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import { type ImageConfig, parseImageConfig } from '../oci/image-config.ts';
import { encodeJson, type JsonValue, sortedByKey } from '../oci/json.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import type { ContentSource } from '../store/store.ts';
import { archiveHeader, type ByteSink, type WriteArchiveOptions, writeOutput } from './archive-output.ts';
import {
  type ImageParts,
  layerSourcesOf,
  type NamedImage,
  readConfig,
  readImages,
  taggedName,
} from './docker-archive-plan.ts';
import { legacyLayerJson } from './legacy-layer-json.ts';

export interface WriteLegacyArchiveOptions extends WriteArchiveOptions {
  /** Where layers are unpacked before they go to a sink. @default the system's directory for temporary files */
  readonly spoolDirectory?: string | undefined;
}

/** A file of the archive; a layer's size is not known before it has been decompressed. */
type LegacyFile =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly store: ContentSource; readonly layer: Descriptor };

/**
 * Writes images in the format of Docker's first years: layers uncompressed, a directory for each. crane-cli reference,
 * section 13.2. Each layer is fetched once and verified; a file appears when complete. An image without layers gives an
 * archive without layers.
 *
 * @throws {OciError} `UNSUPPORTED`, `INVALID_CONFIG` when the history does not fit the layers, and what reading images throws
 */
export async function writeLegacyArchive(
  images: readonly NamedImage[],
  output: string | ByteSink,
  options: WriteLegacyArchiveOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const files = await planLegacyArchive(images, options);
  for (const file of files) if ('layer' in file) options.onProgress?.({ type: 'queued', target: file.layer });
  await writeOutput(
    output,
    (path) => createFileAtomically(path, (handle) => fill(handle, files, options), { signal: options.signal }),
    () => writeTar(tarInputs(files, options)),
    options,
  );
}

interface TaggedImage {
  readonly image: ImageParts;
  readonly tags: Set<string>;
}

async function planLegacyArchive(
  images: readonly NamedImage[],
  options: WriteLegacyArchiveOptions,
): Promise<readonly LegacyFile[]> {
  const files = new Map<string, LegacyFile>();
  const entries: JsonValue[] = [];
  const repositories = new Map<string, Map<string, string>>();
  for (const { image, tags } of await tagged(images, options)) {
    const config = await readConfig(image, options);
    const configName = `${hexOf(image.config.digest)}.json`;
    files.set(configName, { name: configName, bytes: config });
    const layers = addLayers(files, image, config);
    const sorted = Array.from(tags).sort();
    entries.push({
      Config: configName,
      RepoTags: sorted.length === 0 ? null : sorted,
      Layers: layers.map((id) => `${id}/layer.tar`),
      LayerSources: await layerSourcesOf(image, options),
    });
    const top = layers.at(-1);
    if (top !== undefined) for (const tag of sorted) addTag(repositories, tag, top);
  }
  const named = new Map(Array.from(repositories, ([name, tags]) => [name, sortedByKey(Object.fromEntries(tags))]));
  return [
    ...files.values(),
    { name: 'manifest.json', bytes: Buffer.from(encodeJson(entries)) },
    { name: 'repositories', bytes: Buffer.from(encodeJson(sortedByKey(Object.fromEntries(named)))) },
  ];
}

/** Images in the order of their configs' digests, each once with all its tags; digests are no tags. */
async function tagged(
  images: readonly NamedImage[],
  options: WriteLegacyArchiveOptions,
): Promise<readonly TaggedImage[]> {
  const parts = await readImages(
    images.map(({ artifact }) => artifact),
    options,
  );
  const distinct = new Map<Digest, TaggedImage>();
  for (const [i, image] of parts.entries()) {
    const name = images[i]?.name;
    const known = distinct.get(image.config.digest) ?? { image, tags: new Set() };
    distinct.set(image.config.digest, known);
    const reference: Reference | undefined = typeof name === 'string' ? parseReference(name) : name;
    if (reference !== undefined && reference.digest === undefined) known.tags.add(taggedName(reference));
  }
  return Array.from(distinct.entries())
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, image]) => image);
}

/** @returns the identifiers of the layers, from the bottom up */
function addLayers(files: Map<string, LegacyFile>, image: ImageParts, configBytes: Uint8Array): readonly string[] {
  const { store, layers, config } = image;
  const parsedConfig = parseImageConfig(configBytes, config.digest);
  const history = historyOf(parsedConfig, layers.length, config.digest);
  const ids: string[] = [];
  for (const [i, layer] of layers.entries()) {
    const parent = ids.at(-1) ?? '';
    const isTop = i === layers.length - 1;
    const id = layerId(layer.digest, parent, isTop ? configBytes : undefined);
    ids.push(id);
    if (files.has(`${id}/layer.tar`)) continue;
    const document = isTop ? (parsedConfig as ImageConfig & Readonly<Record<string, unknown>>) : undefined;
    files.set(`${id}/layer.tar`, { name: `${id}/layer.tar`, store, layer });
    const json = legacyLayerJson({ id, parent, history: history[i], config: document });
    files.set(`${id}/json`, { name: `${id}/json`, bytes: json });
    files.set(`${id}/VERSION`, { name: `${id}/VERSION`, bytes: Buffer.from('1.0') });
  }
  return ids;
}

/** The steps that made layers, one for each, or none at all. */
function historyOf({ history }: ImageConfig, layers: number, digest: Digest): ImageConfig['history'] {
  const steps = history.filter((step) => !step.empty_layer);
  if (steps.length === 0 || steps.length === layers) return steps;
  throw new OciError(
    'INVALID_CONFIG',
    `The history in the config ${digest} tells of ${steps.length} layers, but the image has ${layers}`,
    { hint: 'The legacy format needs one step for each layer; write a tarball or an OCI layout' },
  );
}

function layerId(layer: Digest, parent: string, config: Uint8Array | undefined): string {
  const text = Buffer.from(`${hexOf(layer)} ${parent}`);
  return hexOf(digestOf(config === undefined ? text : Buffer.concat([text, Buffer.from(' '), config])));
}

function addTag(repositories: Map<string, Map<string, string>>, name: string, top: string): void {
  const colon = name.lastIndexOf(':');
  const repository = name.slice(0, colon);
  const tags = repositories.get(repository) ?? new Map<string, string>();
  repositories.set(repository, tags.set(name.slice(colon + 1), top));
}

async function fill(
  handle: FileHandle,
  files: readonly LegacyFile[],
  options: WriteLegacyArchiveOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  let position = 0;
  for (const file of files) {
    // The header goes before the body, whose length is known after it.
    const start = position + 512;
    const body = 'bytes' in file ? file.bytes : await openLayer(file.store, file.layer, options);
    const size = await writeChunks(handle, body, { signal, position: start });
    const header = archiveHeader(file.name, size);
    if (header.length !== 512) throw tooLarge(file.name, size);
    await writeChunks(handle, header, { position });
    position = start + size + paddingOf(size);
    if ('layer' in file) onProgress?.({ type: 'finish', target: file.layer });
  }
  await writeChunks(handle, tarTrailer, { position });
}

/** To a sink the length has to go first, so that each layer is unpacked into a temporary file. */
async function* tarInputs(
  files: readonly LegacyFile[],
  options: WriteLegacyArchiveOptions,
): AsyncGenerator<TarInput, void> {
  const { signal, spoolDirectory: directory, onProgress } = options;
  for (const file of files) {
    if ('bytes' in file) {
      yield { blocks: archiveHeader(file.name, file.bytes.length), size: file.bytes.length, body: file.bytes };
      continue;
    }
    const kept = await spool(await openLayer(file.store, file.layer, options), { directory, signal });
    try {
      const body = await kept.open({ signal });
      try {
        yield { blocks: archiveHeader(file.name, kept.size), size: kept.size, body };
      } finally {
        await body.cancel();
      }
    } finally {
      await kept[Symbol.asyncDispose]();
    }
    onProgress?.({ type: 'finish', target: file.layer });
  }
}

async function openLayer(
  store: ContentSource,
  target: Descriptor,
  { signal, onProgress }: WriteLegacyArchiveOptions,
): Promise<ByteStream> {
  onProgress?.({ type: 'start', target, offset: 0 });
  const stream = VerifiedStream.of(await store.fetch(target, { signal, onProgress }), target);
  stream.onBytes((bytes) => onProgress?.({ type: 'chunk', target, bytes }));
  return pipe(stream, decompressing());
}

function tooLarge(name: string, size: number): OciError {
  return new OciError('UNSUPPORTED', `The file ${quoted(name)} has ${size} bytes, more than the legacy format takes`, {
    hint: 'Write a tarball or an OCI layout, which keep layers compressed',
  });
}
