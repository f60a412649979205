import { plannedChunks } from '../archive/archive-output.ts';
import { planDockerArchive, readImages } from '../archive/docker-archive-plan.ts';
import { ociArchiveChunks } from '../archive/oci-archive-writer.ts';
import { linkedAbort } from '../async/linked-abort.ts';
import { OciError, quoted } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { isIndexType } from '../oci/media-type.ts';
import { dockerHub, type Repository } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { Engine } from './engine.ts';

export interface LoadIntoDaemonOptions extends CallOptions, ProgressOptions {
  /** What the engine calls the image. @default no name: it is found by its ID */
  readonly name?: TaggedName | undefined;
}

/** A name for an image in an engine: one with a tag, since digests are not given. */
export interface TaggedName extends Repository {
  readonly tag: string;
}

/** An image as an engine has it. */
export interface LoadedImage {
  readonly id: Digest;
  /** Whether it was there already, and got at most a name. */
  readonly wasThere: boolean;
}

/**
 * Puts an image into an engine, streamed. One that is there is only named. Where the engine keeps manifests (containerd's
 * image store) it gets them byte for byte, indexes with all of their images, too; others take single images, whose ID is the
 * digest of the config. The engine names an image when it has it whole, so that a failure leaves nothing under the name.
 *
 * @throws {OciError} `UNSUPPORTED` for an index where the engine does not keep them, `RESPONSE` with the engine's words when
 *   it refuses, `NETWORK`, `TIMEOUT`, and what reading the image throws
 */
export async function loadIntoDaemon(
  engine: Engine,
  artifact: Artifact,
  options: LoadIntoDaemonOptions = {},
): Promise<LoadedImage> {
  const { name, signal, onProgress } = options;
  const keepsManifests = await engine.keepsManifests({ signal });
  const id = keepsManifests ? artifact.root.digest : await configDigestOf(engine, artifact, options);
  const known = await engine.inspect(id, { signal });
  if (known !== undefined && known.isComplete !== false) {
    onProgress?.({ type: 'skip', target: artifact.root, reason: 'exists' });
    if (name !== undefined) await engine.tag(id, repositoryName(name), name.tag, { signal });
    return { id, wasThere: true };
  }
  const life = linkedAbort(signal);
  try {
    const reading = { signal: life.signal, onProgress };
    const chunks = keepsManifests
      ? ociArchiveChunks([{ artifact, ...entryName(name) }], reading)
      : dockerChunks(artifact, name, reading);
    await engine.load(chunks, { signal });
  } finally {
    // A layer that is waited for in vain must not be.
    life.abort(new Error('The engine takes no more'));
    life.unlink();
  }
  await checkLoaded(engine, id, name, signal);
  return { id, wasThere: false };
}

/** `docker.io/library/alpine`: the long name, which all engines take for the same. */
export function repositoryName({ registry, repository }: Repository): string {
  return `${registry === dockerHub ? 'docker.io' : registry}/${repository}`;
}

async function configDigestOf(engine: Engine, artifact: Artifact, { signal }: CallOptions): Promise<Digest> {
  if (isIndexType(artifact.root.mediaType)) {
    throw new OciError('UNSUPPORTED', `The engine at ${engine.name} keeps no indexes of several images`, {
      hint: "Choose one image with --platform, or let the engine use containerd's image store",
    });
  }
  const [image] = await readImages([artifact], { signal });
  if (image === undefined) throw new TypeError('One image was to be read');
  return image.config.digest;
}

async function* dockerChunks(
  artifact: Artifact,
  name: TaggedName | undefined,
  options: CallOptions & ProgressOptions,
): AsyncGenerator<Uint8Array, void> {
  const image = { artifact, name: name && `${repositoryName(name)}:${name.tag}` };
  yield* plannedChunks(await planDockerArchive([image], options), options);
}

/** The annotation that containerd takes names from when it imports a layout. */
function entryName(name: TaggedName | undefined): {
  readonly refName?: string;
  readonly annotations?: Readonly<Record<string, string>>;
} {
  if (name === undefined) return {};
  return {
    refName: name.tag,
    annotations: { 'io.containerd.image.name': `${repositoryName(name)}:${name.tag}` },
  };
}

/** An engine may take an archive, say that all went well, and have another image under the name, or none. */
async function checkLoaded(
  engine: Engine,
  id: Digest,
  name: TaggedName | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const called = name === undefined ? id : `${repositoryName(name)}:${name.tag}`;
  const found = await engine.inspect(called, { signal });
  // podman may write a new config when it converts a manifest.
  if (found !== undefined && (found.id === id || engine.isPodman)) return;
  const what = found === undefined ? 'has nothing' : `has ${found.id}`;
  throw new OciError(
    'RESPONSE',
    `The Docker engine at ${engine.name} ${what} as ${quoted(called)} after loading ${id}`,
  );
}
