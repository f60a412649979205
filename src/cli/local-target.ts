import { stat } from 'node:fs/promises';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { copyGraph } from '../ops/copy.ts';
import { imageForPlatform } from '../ops/resolve.ts';
import type { Artifact } from '../store/artifact.ts';
import { logCopy } from './copy-log.ts';
import type { LocalLocation } from './location.ts';
import type { Session } from './session.ts';
import type { Target } from './target.ts';

/** A layout to add to, or an archive to write. */
export async function openLocalTarget(session: Session, location: LocalLocation): Promise<Target> {
  switch (location.kind) {
    case 'oci':
      return layoutTarget(session, location);
    case 'oci-archive':
      return archiveTarget(location, async ({ root, store }) => {
        const { writeOciArchive } = await import('../archive/oci-archive-writer.ts');
        await writeOciArchive(location.path, [{ artifact: { root, store }, refName: location.tag }], {
          signal: session.signal,
          onProgress: session.onProgress,
        });
      });
    case 'docker-archive':
      return archiveTarget(location, async (artifact, { concurrency } = {}) => {
        const { writeDockerArchive } = await import('../archive/docker-archive-writer.ts');
        const image = await imageForPlatform(artifact, session.platform, session);
        const options = { concurrency, signal: session.signal, onProgress: session.onProgress };
        await writeDockerArchive([{ artifact: image, name: location.tag }], location.path, options);
      });
    default:
      return location.kind satisfies never;
  }
}

async function layoutTarget(session: Session, { path, tag, digest, text }: LocalLocation): Promise<Target> {
  const { openOrCreateLayout } = await import('../layout/layout-store.ts');
  const layout = await openOrCreateLayout(path, session);
  return {
    name: text,
    tag,
    async current(): Promise<Descriptor | undefined> {
      try {
        return tag === undefined ? undefined : await layout.resolve(tag, session);
      } catch (error) {
        if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'INVALID_LAYOUT')) return undefined;
        throw error;
      }
    },
    async write({ store, root }, options) {
      checkDigest(text, digest, root);
      try {
        await copyGraph(store, layout, root, {
          ...options,
          signal: session.signal,
          nonDistributable: true,
          onProgress: logCopy(session, { repository: `oci:${path}`, nameOf: () => text }),
        });
        await layout.append(root, { refName: tag, signal: session.signal });
      } catch (error) {
        await layout.discardUnfinished();
        throw error;
      }
    },
  };
}

/** Archives are written whole; one that is there is replaced, unless `--no-clobber` asks first. */
function archiveTarget(
  { text, path, tag, digest }: LocalLocation,
  write: (artifact: Artifact, options: Parameters<Target['write']>[1]) => Promise<void>,
): Target {
  return {
    name: text,
    tag: tag ?? '',
    async current() {
      const exists = await stat(path).catch(() => undefined);
      if (exists === undefined) return undefined;
      throw new OciError('CONFLICT', `refusing to replace the file ${quoted(path)}`, {
        hint: 'Leave --no-clobber out to replace it',
      });
    },
    async write(artifact, options) {
      checkDigest(text, digest, artifact.root);
      await write(artifact, options);
    },
  };
}

function checkDigest(text: string, digest: string | undefined, root: Descriptor): void {
  if (digest === undefined || digest === root.digest) return;
  throw new OciError(
    'DIGEST_MISMATCH',
    `The target ${text} names the digest ${digest}, but the source has ${root.digest}`,
  );
}
