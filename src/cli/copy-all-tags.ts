import { joinSignals } from '../async/join-signals.ts';
import { Limiter } from '../async/limiter.ts';
import { isOciError } from '../errors.ts';
import { formatRepository, type Repository } from '../oci/reference.ts';
import { GraphCopy } from '../ops/graph-copy.ts';
import { imageForPlatform, openArtifact } from '../ops/resolve.ts';
import type { RemoteStore } from '../remote/remote-store.ts';
import { logCopy } from './copy-log.ts';
import { parseRepositoryArgument } from './open.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

export interface CopyAllTagsOptions {
  /** How many tags, and how many blobs, move at once. */
  readonly jobs: number;
  /** Leave tags alone that exist at the target. */
  readonly noClobber: boolean;
}

/**
 * Copies every tag of one repository to another; what tags share moves once. The first failure ends the rest.
 *
 * @param source as typed, as is `destination`
 */
export async function copyAllTags(
  session: Session,
  source: string,
  destination: string,
  { jobs, noClobber }: CopyAllTagsOptions,
): Promise<void> {
  const from = await parse(source);
  const to = await parse(destination);
  session.connections.writesTo(to.registry);
  const [reader, writer] = await Promise.all([session.repository(from), session.repository(to, 'push', 'destination')]);
  const [tags, taken] = await Promise.all([
    step(`reading tags for ${source}`, () => listTags(session, reader)),
    step(`reading tags for ${destination}`, async (): Promise<readonly string[]> =>
      noClobber ? takenTags(session, writer) : [],
    ),
  ]);
  const abort = new AbortController();
  const signal = joinSignals(session.signal, abort.signal);
  const copy = new GraphCopy(reader, writer, {
    signal,
    concurrency: jobs,
    nonDistributable: session.nonDistributable,
    onProgress: logCopy(session, { repository: formatRepository(to), nameOf: (tag) => `${destination}:${tag}` }),
  });
  const limiter = new Limiter(jobs);
  for (const tag of taken) if (tags.includes(tag)) session.log.line(`Skipping ${tag} due to no-clobber`);
  const copies = tags.filter((tag) => !taken.includes(tag)).map((tag) => limiter.run(() => copyTag(tag), signal));
  try {
    await Promise.all(copies);
  } catch (error) {
    abort.abort(error);
    await Promise.allSettled(copies);
    throw error;
  }

  async function copyTag(tag: string): Promise<void> {
    session.log.line(`Fetching ${source}:${tag}`);
    const { root } = await step(`fetching ${source}:${tag}`, async () => {
      const opened = await openArtifact(reader, tag, { signal });
      return session.platform === undefined ? opened : imageForPlatform(opened, session.platform, { signal });
    });
    session.log.line(`Pushing ${destination}:${tag}`);
    await step(`copying ${source}:${tag} to ${destination}:${tag}`, () => copy.copy(root, tag));
  }
}

async function parse(text: string): Promise<Repository> {
  return step(`parsing repo ${JSON.stringify(text)}`, async () => parseRepositoryArgument(text));
}

async function listTags(session: Session, store: RemoteStore): Promise<readonly string[]> {
  const tags: string[] = [];
  for await (const page of store.tags({ signal: session.signal })) tags.push(...page);
  return tags;
}

/** A repository that is not there, or not to be seen, has no tags to protect. */
async function takenTags(session: Session, store: RemoteStore): Promise<readonly string[]> {
  try {
    return await listTags(session, store);
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return [];
    throw error;
  }
}
