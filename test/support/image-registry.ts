import { afterEach, beforeEach } from 'vitest';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { ImageIndex } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { rawConfigOf, rawManifestOf } from '../../src/ops/read.ts';
import { listen, type ListeningRegistry } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { layeredImage } from './sample-image.ts';

/** A registry whose content tests put there, and look at, past its protocol. */
export interface ImageRegistry {
  readonly host: string;
  /** `METHOD /path` of each request so far. */
  readonly requests: string[];
  /** Puts an artifact into a repository, by default `app`, and gives its name. */
  put(this: void, artifact: Artifact, tag?: string, repository?: string): Promise<string>;
  /** The same with a manifest whose content may be missing. */
  putAlone(this: void, artifact: Artifact, tag?: string): Promise<string>;
  /** What a tag or digest names. */
  get(this: void, reference?: string, repository?: string): Promise<Artifact>;
}

/** A new one for each test of the file. */
export function imageRegistry(): ImageRegistry {
  let storage: ReturnType<typeof memoryStorage>;
  let registry: ListeningRegistry;
  const requests: string[] = [];
  beforeEach(async () => {
    storage = memoryStorage();
    requests.length = 0;
    registry = await listen({ storage, onRequest: ({ method, url }) => void requests.push(`${method} ${url}`) });
  });
  afterEach(async () => {
    await registry.close();
  });
  const host = (): string => `127.0.0.1:${registry.port}`;
  return {
    get host() {
      return host();
    },
    requests,
    async put({ store, root }, tag = 'v1', repository = 'app') {
      await copyGraph(store, (await storage.create(repository)).content, root, { tag });
      return `${host()}/${repository}:${tag}`;
    },
    async putAlone({ store, root }, tag = 'v1') {
      const { content } = await storage.create('app');
      await content.push(root, await store.fetch(root));
      await content.tag(root, tag);
      return `${host()}/app:${tag}`;
    },
    async get(reference = 'v1', repository = 'app') {
      const { content } = await storage.create(repository);
      return { store: content, root: await content.resolve(reference) };
    },
  };
}

/** An image of one layer that says for what platform it is. */
export async function platformImage(platform = 'linux/amd64'): Promise<Artifact> {
  const store = new MemoryStore();
  const { blobs, config, bytes } = layeredImage(platform);
  for (const blob of blobs) await store.push(blob.target, blob.bytes);
  const { os, architecture } = parsePlatform(platform);
  const document: object = { ...(parsed(config.bytes) as object), os, architecture };
  const { mediaType, digest, size } = await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociConfig);
  const manifest: object = { ...(parsed(bytes) as object), config: { mediaType, digest, size } };
  return { store, root: await store.add(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest) };
}

export async function platformIndex(...platforms: readonly string[]): Promise<Artifact> {
  const store = new MemoryStore();
  const manifests: Descriptor[] = [];
  for (const platform of platforms) {
    const image = await platformImage(platform);
    await copyGraph(image.store, store, image.root);
    manifests.push({ ...image.root, platform: parsePlatform(platform) });
  }
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return { store, root: await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociIndex) };
}

/** The config of an image, as it is. */
export async function configIn(artifact: Artifact): Promise<Readonly<Record<string, unknown>>> {
  return parsed(await rawConfigOf(artifact)) as Record<string, unknown>;
}

/** What containers of an image start with. */
export async function settingsIn(artifact: Artifact): Promise<unknown> {
  return (await configIn(artifact))['config'];
}

/** The annotations of a manifest or index. */
export async function annotationsIn(artifact: Artifact): Promise<unknown> {
  return (parsed(await rawManifestOf(artifact)) as ImageIndex).annotations;
}

/** The entries of an index. */
export async function entriesIn(artifact: Artifact): Promise<readonly Descriptor[]> {
  return (parsed(await rawManifestOf(artifact)) as ImageIndex).manifests;
}

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString());
}
