import { loadIntoDaemon, type TaggedName } from '../../daemon/load-into-daemon.ts';
import { OciError, quoted } from '../../errors.ts';
import { isDigest } from '../../oci/digest.ts';
import { isIndexType, mediaTypes } from '../../oci/media-type.ts';
import { manifestTypeOf } from '../../oci/manifest.ts';
import { parseReference } from '../../oci/reference.ts';
import { CopyPlan } from '../../ops/copy-plan.ts';
import { copyGraph } from '../../ops/copy.ts';
import { imageForPlatform } from '../../ops/resolve.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import { type Target, wrongDigest, type WriteOptions } from '../copying/target.ts';
import type { LocalLocation } from '../location.ts';
import type { ChosenArtifact } from '../open.ts';
import type { Session } from '../session.ts';
import { sessionEngine } from './session-engine.ts';

/** A name in the Docker engine. */
export async function openEngineTarget(session: Session, { text, path }: LocalLocation): Promise<Target> {
  const name = nameIn(path, text);
  const { digest } = parseReference(path);
  const engine = await sessionEngine(session);
  return {
    name: text,
    tag: name.tag,
    async current() {
      const image = await engine.inspect(path, session);
      // Where the engine keeps no manifests the ID is all there is to tell images apart by.
      return image && { mediaType: mediaTypes.octetStream, digest: image.root ?? image.id, size: image.size };
    },
    async write(artifact, options = {}) {
      checkFits(artifact, options);
      const { signal, onProgress } = session;
      const keepsIndexes = await engine.keepsManifests(session);
      const whole = await withManifests(artifact);
      const image = keepsIndexes ? whole : await oneImage(whole, session);
      if (digest !== undefined && digest !== image.root.digest) throw wrongDigest(text, digest, image.root);
      const summary = await copyGraph(image.store, new CopyPlan(), image.root, { signal, nonDistributable: true });
      if (options.dryRun === true) return { ...summary, root: image.root };
      const { id, wasThere, layers, layersThere } = await loadIntoDaemon(engine, image, { name, signal, onProgress });
      const some = !wasThere && layersThere > 0 ? `, ${layersThere} of ${layers} layers were there` : '';
      session.log.line(`${text}: ${wasThere ? 'was there already' : 'loaded'}, image ID ${id}${some}`);
      return { ...summary, root: image.root };
    },
  };
}

function nameIn(path: string, text: string): TaggedName {
  if (!isDigest(path)) {
    const { registry, repository, tag } = parseReference(path);
    if (tag !== undefined) return { registry, repository, tag };
  }
  throw new OciError(
    'INVALID_REFERENCE',
    `${quoted(text)} has no tag, and images are not stored under IDs or digests`,
    {
      hint: 'Write docker-daemon:NAME:TAG',
    },
  );
}

/** With the indexes that were made on the way here. */
async function withManifests({ store, root, manifests }: ChosenArtifact): Promise<Artifact> {
  if (manifests === undefined) return { store, root };
  const upper = new MemoryStore();
  for (const [digest, bytes] of manifests) {
    await upper.push({ mediaType: manifestTypeOf(bytes, ''), digest, size: bytes.byteLength }, bytes);
  }
  return { store: new OverlayStore(upper, store), root };
}

async function oneImage(artifact: Artifact, session: Session): Promise<Artifact> {
  if (isIndexType(artifact.root.mediaType) && session.platforms.length > 1) throw unfit('images for several platforms');
  return imageForPlatform(artifact, session.platform, session);
}

/** @throws {OciError} `UNSUPPORTED` for what engines have no place for */
function checkFits({ includeChild }: ChosenArtifact, { referrers = false, digestTags = false }: WriteOptions): void {
  if (referrers !== false) throw unfit('referrers');
  if (digestTags) throw unfit('digest tags');
  if (includeChild !== undefined) throw unfit('a sparse index');
}

function unfit(what: string): OciError {
  return new OciError('UNSUPPORTED', `The Docker engine cannot hold ${what}`, {
    hint: 'Write a layout (oci:DIR) or copy to a registry',
  });
}
