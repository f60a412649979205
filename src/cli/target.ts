import { isOciError, OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { formatRepository, identifierOf, type Reference } from '../oci/reference.ts';
import { copyGraph } from '../ops/copy.ts';
import type { CopyOptions } from '../ops/copy-options.ts';
import type { Artifact } from '../store/artifact.ts';
import { logCopy } from './copy-log.ts';
import type { Location } from './location.ts';
import type { Session } from './session.ts';

/** A place that a command writes an artifact to. */
export interface Target {
  /** As typed. */
  readonly name: string;
  /** The tag that is written; absent when the place is named by digest only. */
  readonly tag: string | undefined;
  /** What the name stands for at the moment; `undefined` for nothing. */
  current(): Promise<Descriptor | undefined>;
  /** Copies the artifact there under its name. */
  write(artifact: Artifact, options?: Pick<CopyOptions, 'concurrency'>): Promise<void>;
}

/** Opens a place to write to. Nothing is changed yet. */
export async function openTarget(session: Session, location: Location): Promise<Target> {
  if (location.kind === 'registry') return openRegistryTarget(session, location.reference);
  const { openLocalTarget } = await import('./local-target.ts');
  return openLocalTarget(session, location);
}

async function openRegistryTarget(session: Session, reference: Reference): Promise<Target> {
  const { text, tag, digest } = reference;
  const repository = formatRepository(reference);
  session.connections.writesTo(reference.registry);
  const store = await session.repository(reference, 'push', 'destination');
  return {
    name: text,
    tag,
    async current() {
      try {
        return await store.resolve(identifierOf(reference), session);
      } catch (error) {
        // Some registries answer 403 for a tag that is not there; the push shows whether it was that.
        if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return undefined;
        throw error;
      }
    },
    async write({ store: source, root }, options) {
      if (digest !== undefined && digest !== root.digest) throw wrongDigest(reference, root);
      await copyGraph(source, store, root, {
        ...options,
        tag,
        signal: session.signal,
        nonDistributable: session.nonDistributable,
        onProgress: logCopy(session, { repository, nameOf: () => text }),
      });
    },
  };
}

function wrongDigest({ text, digest }: Reference, root: Descriptor): OciError {
  return new OciError(
    'DIGEST_MISMATCH',
    `The target ${text} names the digest ${digest}, but the source has ${root.digest}`,
    {
      hint: 'Name the target by a tag, or leave the digest out',
    },
  );
}
