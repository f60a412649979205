import { OciError } from '../../errors.ts';
import { printJson } from '../json-result.ts';
import { isArchive, nameWithDigest, parseLocation } from '../location.ts';
import { chooseImages, openLocation } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { openTarget, type Target, type WriteOptions } from './target.ts';

export interface CopyOneOptions extends WriteOptions {
  /** Leave a tag alone that exists at the target. */
  readonly noClobber: boolean;
  /** Keep an index whole, and copy only the images for the chosen platforms. */
  readonly sparse: boolean;
}

/**
 * Copies what one argument names to the place that another names.
 *
 * @param names as typed
 */
export async function copyOne(
  session: Session,
  [source, destination]: readonly [source: string, destination: string],
  { noClobber, sparse, ...write }: CopyOneOptions,
): Promise<void> {
  const from = await step(`parsing reference ${JSON.stringify(source)}`, async () => parseLocation(source));
  const to = await step(`parsing reference for ${JSON.stringify(destination)}`, async () => parseLocation(destination));
  const target = await openTarget(session, to, from);
  if (noClobber && target.tag !== undefined) session.log.line(`Checking existing tag ${destination}`);
  session.log.line(`${write.dryRun === true ? 'Comparing' : 'Copying from'} ${source} to ${destination}`);
  // Asked while the source answers. What keeps it from being answered shows when something is written.
  const isAsked = !isArchive(to) && (target.tag !== undefined || write.dryRun === true || session.printsJson);
  const asked = isAsked ? target.current() : undefined;
  asked?.catch(() => {});
  const artifact = await step(`fetching ${JSON.stringify(source)}`, async () =>
    chooseImages(session, await openLocation(session, from), sparse),
  );
  const taken = noClobber && (await isTaken(target, artifact.root.digest));
  if (taken && write.dryRun !== true && !session.printsJson) return;
  const summary = await step(`copying ${source} to ${destination}`, () =>
    target.write(artifact, taken ? { dryRun: true, trustManifests: true } : write),
  );
  if (write.dryRun !== true && !session.printsJson) return;
  const before = write.dryRun === true ? await asked : await asked?.catch(() => undefined);
  const line = { source, target: destination, root: summary.root, before, summary };
  if (session.printsJson) {
    const { copyJson } = await import('./copy-json.ts');
    return printJson(session, copyJson(line, nameWithDigest(to, summary.root.digest)));
  }
  const { formatDryRun } = await import('./dry-run.ts');
  await session.print(`${formatDryRun(line)}\n`);
}

/** Whether the tag is there already, with the same digest. */
async function isTaken(target: Target, digest: string): Promise<boolean> {
  const current = target.tag === undefined ? undefined : await target.current();
  if (current === undefined) return false;
  if (current.digest === digest) return true;
  throw new OciError('CONFLICT', `refusing to clobber existing tag ${target.name}@${current.digest}`, {
    hint: 'Leave --no-clobber out to let the tag name the new image',
  });
}
