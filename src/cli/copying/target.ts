import { isOciError, OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { identifierOf, type Reference } from '../../oci/reference.ts';
import type { CopySummary } from '../../ops/copy-options.ts';
import type { GraphCopyOptions } from '../../ops/graph-copy.ts';
import type { ContentSource } from '../../store/store.ts';
import { type Destination, registryDestination, rehearsal } from './destination.ts';
import type { Location } from '../location.ts';
import type { ChosenArtifact } from '../open.ts';
import type { Session } from '../session.ts';

export type WriteOptions = Pick<
  GraphCopyOptions,
  'concurrency' | 'referrers' | 'digestTags' | 'keepDigestTags' | 'trustManifests'
> & {
  /** Change nothing, and find out what would be. @default false */
  readonly dryRun?: boolean | undefined;
};

/** What was copied, and of what: of an index a target may take one image only. */
export interface WrittenSummary extends CopySummary {
  readonly root: Descriptor;
}

/** A place that a command writes an artifact to. */
export interface Target {
  /** As typed. */
  readonly name: string;
  /** The tag that is written; absent when the place is named by digest only. */
  readonly tag: string | undefined;
  /** What the name stands for at the moment; `undefined` for nothing. It is asked once, when this is first called. */
  current(): Promise<Descriptor | undefined>;
  /** Copies the artifact there under its name. */
  write(artifact: ChosenArtifact, options?: WriteOptions): Promise<WrittenSummary>;
}

/**
 * Opens a place to write to. Nothing is changed yet.
 *
 * @param source where the artifact comes from, whose name it gets in a docker archive when it is given none
 */
export async function openTarget(session: Session, location: Location, source?: Location): Promise<Target> {
  if (location.kind === 'registry') return openRegistryTarget(session, location.reference);
  const { openLocalTarget } = await import('./local-target.ts');
  return openLocalTarget(session, location, source);
}

/** A target that is one tag, or one digest, of a place for many. */
export function targetIn(
  session: Session,
  destination: Destination,
  { text, tag, digest, name }: Pick<Reference, 'text' | 'tag' | 'digest'> & { readonly name: string | undefined },
): Target {
  let current: Promise<Descriptor | undefined> | undefined;
  const look = (): Promise<Descriptor | undefined> => (current ??= currentOf(destination.existing, name, session));
  return {
    name: text,
    tag,
    current: look,
    async write(artifact, { dryRun = false, ...options } = {}) {
      const chosen = destination.choose === undefined ? artifact : await destination.choose(artifact, options);
      const { root, store, manifests, includeChild } = chosen;
      if (digest !== undefined && digest !== root.digest) throw wrongDigest(text, digest, root);
      const tagged = tag === undefined || current === undefined ? undefined : new Map([[tag, current]]);
      const place = dryRun ? rehearsal(session, destination) : destination;
      const transfer = place.begin(store, { ...options, manifests, includeChild, tagged });
      try {
        const summary = await transfer.copy(root, tag);
        await transfer.finish();
        return { ...summary, root };
      } catch (error) {
        await transfer.abandon();
        throw error;
      }
    },
  };
}

export function wrongDigest(text: string, digest: string, root: Descriptor): OciError {
  return new OciError(
    'DIGEST_MISMATCH',
    `The target ${text} names the digest ${digest}, but the source has ${root.digest}`,
    {
      hint: 'Name the target by a tag, or leave the digest out',
    },
  );
}

async function openRegistryTarget(session: Session, reference: Reference): Promise<Target> {
  const destination = await registryDestination(session, reference, (tag) =>
    tag === reference.tag ? reference.text : `${destination.name}:${tag}`,
  );
  return targetIn(session, destination, { ...reference, name: identifierOf(reference) });
}

async function currentOf(
  existing: Partial<ContentSource> | undefined,
  name: string | undefined,
  session: Session,
): Promise<Descriptor | undefined> {
  if (name === undefined) return undefined;
  try {
    return await existing?.resolve?.(name, session);
  } catch (error) {
    // Some registries answer 401 or 403 for a tag that is not there; the push shows whether it was that.
    if (absent.some((code) => isOciError(error, code))) return undefined;
    throw error;
  }
}

const absent = ['NOT_FOUND', 'DENIED', 'UNAUTHORIZED'] as const;
