import type { Descriptor } from '../../oci/descriptor.ts';
import { formatRepository, type Repository } from '../../oci/reference.ts';
import type { CopySummary } from '../../ops/copy-options.ts';
import { CopyPlan } from '../../ops/copy-plan.ts';
import { GraphCopy, type GraphCopyOptions } from '../../ops/graph-copy.ts';
import type { TagLister } from '../../store/capabilities.ts';
import type { ContentSink, ContentSource } from '../../store/store.ts';
import { logCopy } from './log.ts';
import type { ChosenArtifact } from '../open.ts';
import type { Session } from '../session.ts';
import type { WriteOptions } from './target.ts';

/** A repository, layout or archive that takes any number of tags. Nothing is changed before the first copy. */
export interface Destination {
  /** In front of `@DIGEST`. */
  readonly name: string;
  /** What is there already; `undefined` for an archive, which is written anew. */
  readonly existing: (ContentSink & Partial<ContentSource> & Partial<TagLister>) | undefined;
  /** For what can only be replaced whole. @throws {OciError} `CONFLICT` when it is there */
  checkAbsent?(): Promise<void>;
  /** What of an artifact goes there. @default all of it */
  choose?(artifact: ChosenArtifact, options: WriteOptions): Promise<ChosenArtifact>;
  begin(source: ContentSource, options: GraphCopyOptions): Transfer;
}

/** One copy of some roots to a destination. */
export interface Transfer {
  copy(root: Descriptor, tag?: string): Promise<CopySummary>;
  /** Writes what can only be written when everything is there. */
  finish(): Promise<void>;
  /** Clears up after a failure. */
  abandon(): Promise<void>;
}

/** @param nameOf a tag's image as the user calls it */
export async function registryDestination(
  session: Session,
  repository: Repository,
  nameOf: (tag: string) => string,
): Promise<Destination> {
  session.connections.writesTo(repository.registry);
  const store = await session.repository(repository, 'push', 'destination');
  const name = formatRepository(repository);
  return {
    name,
    existing: store,
    begin(source, options) {
      const { nonDistributable } = session;
      const onProgress = logCopy(session, { repository: name, nameOf });
      const copy = new GraphCopy(source, store, { signal: session.signal, nonDistributable, onProgress, ...options });
      return { copy: (root, tag) => copy.copy(root, tag), finish: async () => {}, abandon: async () => {} };
    },
  };
}

/** What would be copied to a destination, without changing anything there. */
export function rehearsal(session: Session, destination: Destination): Destination {
  const { existing } = destination;
  return {
    ...destination,
    begin(source, options) {
      const onProgress = logCopy({ log: session.log, onProgress: undefined, isJson: false }, undefined);
      const plan = new CopyPlan(existing);
      const { signal, nonDistributable } = session;
      const copy = new GraphCopy(source, plan, { signal, nonDistributable, onProgress, ...options });
      return { copy: (root, tag) => copy.copy(root, tag), finish: async () => {}, abandon: async () => {} };
    },
  };
}
