import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import { streamOf } from '../content/bytes.ts';
import { digestOf } from '../content/hash.ts';
import { maxConfigSize } from '../content/limit.ts';
import type { TarIndexEntry } from '../content/tar/tar-index.ts';
import { OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseImageConfig } from '../oci/image-config.ts';
import { isNonDistributableType, mediaTypes } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import type { ArchiveLayer, ArchiveLayers } from './docker-archive-layers.ts';
import { checkMemberName, type DockerArchiveEntry, synthesizeManifest } from './docker-archive-manifest.ts';
import type { ArchiveFile } from './tar-file.ts';

/** A file that `manifest.json` names, and where it is when it is there. */
interface Member {
  readonly name: string;
  readonly member: TarIndexEntry | undefined;
}

/** Makes the manifests that a docker archive lacks. */
export class ImageBuilder implements AsyncDisposable {
  readonly #file: ArchiveFile;
  readonly #layers: ArchiveLayers;
  readonly #concurrency: number;
  /** Images are made one at a time, so that layers they share are read once. */
  readonly #building = new Limiter(1);
  readonly #built = new Map<DockerArchiveEntry, Descriptor>();
  readonly #content = new Map<Digest, ArchiveLayer>();

  constructor(file: ArchiveFile, layers: ArchiveLayers, concurrency: number) {
    this.#file = file;
    this.#layers = layers;
    this.#concurrency = concurrency;
  }

  /** The manifest of an image; made once. */
  async build(entry: DockerArchiveEntry, { signal }: CallOptions): Promise<Descriptor> {
    return this.#building.run(async () => {
      const root = this.#built.get(entry) ?? (await this.#makeManifest(entry, { signal }));
      this.#built.set(entry, root);
      return root;
    }, signal);
  }

  /** The config of an image, whose layers are not looked at. */
  async readConfig(entry: DockerArchiveEntry, options: CallOptions): Promise<Uint8Array> {
    checkMemberName(entry.Config, this.#file.name);
    const bytes = await this.#file.read(entry.Config, maxConfigSize, options);
    if (bytes === undefined) throw this.#missing(entry.Config);
    return bytes;
  }

  /** Content of the images that were made so far. */
  find(digest: Digest): ArchiveLayer | undefined {
    return this.#content.get(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#building.run(() => this.#layers[Symbol.asyncDispose]());
  }

  async #makeManifest(entry: DockerArchiveEntry, options: CallOptions): Promise<Descriptor> {
    const bytes = await this.readConfig(entry, options);
    const config = { mediaType: mediaTypes.dockerConfig, digest: digestOf(bytes), size: bytes.byteLength };
    const diffIds = parseImageConfig(bytes, config.digest).rootfs.diff_ids;
    // The config of an artifact lists none; its files are then taken as they are.
    if (diffIds.length !== entry.Layers.length && diffIds.length > 0) throw this.#wrongCount(entry, diffIds.length);
    const layers = await this.#describeLayers(entry, diffIds, options);
    const manifest = synthesizeManifest(config, layers);
    const root = {
      mediaType: manifest.mediaType,
      digest: digestOf(manifest.bytes),
      size: manifest.bytes.byteLength,
    };
    this.#content.set(config.digest, { target: config, open: async () => streamOf(bytes) });
    this.#content.set(root.digest, { target: root, open: async () => streamOf(manifest.bytes) });
    return root;
  }

  /** Concurrently; the first failure ends the others, and none is left running. */
  async #describeLayers(
    entry: DockerArchiveEntry,
    diffIds: readonly Digest[],
    options: CallOptions,
  ): Promise<readonly Descriptor[]> {
    const members = entry.Layers.map((name) => this.#memberOf(name));
    const controller = new AbortController();
    const signal = joinSignals(options.signal, controller.signal);
    const limiter = new Limiter(this.#concurrency);
    const started = new Map<string, Promise<Descriptor>>();
    const tasks = members.map(({ name, member }, i) => {
      const diffId = diffIds[i];
      const key = `${diffId} ${member?.start}`;
      const describe = (): Promise<Descriptor> => this.#describeLayer(entry, name, member, diffId, { signal });
      const task = started.get(key) ?? limiter.run(describe, signal);
      started.set(key, task);
      return task;
    });
    for (const task of tasks) task.catch((error: unknown) => controller.abort(error));
    await Promise.allSettled(tasks);
    options.signal?.throwIfAborted();
    controller.signal.throwIfAborted();
    return Promise.all(tasks);
  }

  #memberOf(name: string): Member {
    checkMemberName(name, this.#file.name);
    return { name, member: this.#file.find(name) };
  }

  async #describeLayer(
    entry: DockerArchiveEntry,
    name: string,
    member: TarIndexEntry | undefined,
    diffId: Digest | undefined,
    options: CallOptions,
  ): Promise<Descriptor> {
    const source =
      diffId !== undefined && Object.hasOwn(entry.LayerSources, diffId) ? entry.LayerSources[diffId] : undefined;
    if (source !== undefined && !plainTypes.has(source.mediaType)) {
      // Docker and the legacy format have such a layer uncompressed, which is not what the digest names.
      const isThere = member?.size === source.size;
      if (isThere) this.#content.set(source.digest, { target: source, open: (open) => this.#file.open(member, open) });
      if (isThere || member === undefined || isNonDistributableType(source.mediaType)) return source;
    }
    if (member === undefined) throw this.#missing(name);
    const layer = await this.#layers.describe(member, diffId, options);
    if (layer === undefined) throw this.#wrongCount(entry, 0);
    this.#content.set(layer.target.digest, layer);
    return layer.target;
  }

  #missing(name: string): OciError {
    return new OciError(
      'INVALID_ARCHIVE',
      `The manifest.json of ${quoted(this.#file.name)} names the file ${quoted(name)}, which is not in the archive`,
    );
  }

  #wrongCount({ Config, Layers }: DockerArchiveEntry, diffIds: number): OciError {
    return new OciError(
      'INVALID_ARCHIVE',
      `The manifest.json of ${quoted(this.#file.name)} lists ${Layers.length} layers, but the config ${quoted(Config)} has ${diffIds} diff IDs`,
      { hint: 'Manifest and config have to be of the same image; save it again' },
    );
  }
}

/** Docker from 25 on lists plain layers too, with the digests they have uncompressed: of no use to a registry. */
const plainTypes: ReadonlySet<string> = new Set(['', mediaTypes.ociLayer, mediaTypes.dockerLayer]);
