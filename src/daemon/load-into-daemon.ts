import { linkedAbort } from '../async/linked-abort.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { dockerHub, type Repository } from '../oci/reference.ts';
import type { CallOptions } from '../options.ts';
import type { Artifact } from '../store/artifact.ts';
import type { ProgressOptions } from '../store/progress.ts';
import type { Delivery } from './delivery.ts';
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
  /** How many it has; 0 where it was loaded with its manifest, and is perhaps an index. */
  readonly layers: number;
  /** How many of them the engine had already, in other images. They are not sent, and not read. */
  readonly layersThere: number;
}

/**
 * Puts an image into an engine, streamed. One that is there is only named. Where the engine keeps manifests (containerd's
 * image store) it gets them byte for byte, indexes with all of their images, too; others take single images, whose ID is the
 * digest of the config, and Docker's own store gets only the layers that it lacks. The engine names an image when it has it
 * whole, so that a failure leaves nothing under the name.
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
  const called = name === undefined ? undefined : `${repositoryName(name)}:${name.tag}`;
  const delivery = await deliveryFor(engine, artifact, called, { signal });
  const { id, layers } = delivery;
  const found = await engine.inspect(id, { signal });
  if (found !== undefined && found.isComplete !== false) {
    onProgress?.({ type: 'skip', target: artifact.root, reason: 'exists' });
    if (name !== undefined) await engine.tag(id, repositoryName(name), name.tag, { signal });
    return { id, wasThere: true, layers, layersThere: layers };
  }
  const layersThere = await load(engine, delivery, { signal, onProgress });
  await checkLoaded(engine, id, called, signal);
  return { id, wasThere: false, layers, layersThere };
}

/** `docker.io/library/alpine`: the long name, which all engines take for the same. */
export function repositoryName({ registry, repository }: Repository): string {
  return `${registry === dockerHub ? 'docker.io' : registry}/${repository}`;
}

async function deliveryFor(
  engine: Engine,
  artifact: Artifact,
  name: string | undefined,
  options: CallOptions,
): Promise<Delivery> {
  // Each kind of engine needs a writer of its own.
  if (await engine.keepsManifests(options)) {
    const { layoutDelivery } = await import('./layout-delivery.ts');
    return layoutDelivery(artifact, name);
  }
  const { dockerDelivery } = await import('./docker-delivery.ts');
  return dockerDelivery(engine, artifact, name, options);
}

/** @returns how many layers were not sent, since the engine has them */
async function load(engine: Engine, delivery: Delivery, options: CallOptions & ProgressOptions): Promise<number> {
  const known = await delivery.countKnown(options);
  try {
    await send(engine, delivery, known, options);
    return known;
  } catch (error) {
    // An image whose layers were counted on may have been removed meanwhile.
    if (known === 0 || !isOciError(error, 'RESPONSE')) throw error;
  }
  await send(engine, delivery, 0, options);
  return 0;
}

async function send(
  engine: Engine,
  delivery: Delivery,
  known: number,
  { signal, onProgress }: CallOptions & ProgressOptions,
): Promise<void> {
  const life = linkedAbort(signal);
  try {
    await engine.load(delivery.chunks(known, { signal: life.signal, onProgress }), { signal });
  } finally {
    // A layer that is waited for in vain must not be.
    life.abort(new Error('The engine takes no more'));
    life.unlink();
  }
}

/** An engine may take an archive, say that all went well, and have another image under the name, or none. */
async function checkLoaded(
  engine: Engine,
  id: Digest,
  name: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const called = name ?? id;
  const found = await engine.inspect(called, { signal });
  // podman may write a new config when it converts a manifest.
  if (found !== undefined && (found.id === id || engine.isPodman)) return;
  const what = found === undefined ? 'has nothing' : `has ${found.id}`;
  throw new OciError(
    'RESPONSE',
    `The Docker engine at ${engine.name} ${what} as ${quoted(called)} after loading ${id}`,
    { hint: 'Its log may say why; something else may have been given the name meanwhile' },
  );
}
