import { joinSignals } from '../../async/join-signals.ts';
import { Limiter } from '../../async/limiter.ts';
import { isOciError, messageOf, OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isReferrersTag } from '../../oci/referrer.ts';
import type { ChildFilter } from '../../ops/copy-options.ts';
import { openArtifact } from '../../ops/resolve.ts';
import { canListTags, type TagLister } from '../../store/capabilities.ts';
import { type Destination, rehearsal, type Transfer } from './destination.ts';
import { type DryRunLine, formatDryRun, formatDryRunTotal } from './dry-run.ts';
import { chooseImages } from '../open.ts';
import { SilentFailure } from '../report-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { tagFilter } from './tag-filter.ts';
import { openTagSource, openTagTarget, type TagPlace, type TagSource, type TagTarget } from './tag-places.ts';
import type { WriteOptions } from './target.ts';

export interface CopyAllTagsOptions extends WriteOptions {
  /** Leave tags alone that exist at the target. */
  readonly noClobber: boolean;
  /** A tag that fails does not end the rest. */
  readonly keepGoing: boolean;
  /** Keep indexes whole, and copy only the images for the chosen platforms. */
  readonly sparse: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Tags cost round trips; what they move is limited by itself. */
const defaultTags = 8;

/**
 * Copies the tags of one repository, layout or archive to another; what tags share moves once. The first failure ends the
 * rest, unless they keep going.
 *
 * A tag that is at the target with the same digest is not written again. Its blobs are still looked for, each once in a run
 * whatever number of tags has it: one question is nothing beside what a mirror with a hole in it costs, and manifests that
 * registries took without their blobs, or blobs they have lost, are found in no other way. `--fast` leaves that out.
 *
 * @throws {OciError} `AMBIGUOUS` for images of several repositories that would become one, `INVALID_REFERENCE` where there is no
 *   name for one of them, `CONFLICT` for an archive that is there and is to stay; {SilentFailure} when tags failed that did not
 *   end the rest
 */
export async function copyAllTags(
  session: Session,
  [from, to]: readonly [from: TagPlace, to: TagPlace],
  options: CopyAllTagsOptions,
): Promise<void> {
  const passes = await tagFilter(options.include, options.exclude);
  const [source, destination] = [from.text, to.text];
  const reader = await openTagSource(session, from);
  const place = await openTagTarget(session, to, reader);
  const [all, taken] = await Promise.all([
    step(`reading tags for ${source}`, () => listTags(session, reader.store)),
    step(`reading tags for ${destination}`, async () =>
      options.noClobber ? takenTags(session, place.destination) : new Set<string>(),
    ),
  ]);
  checkNames(all, to, reader);
  // Told before anything is copied where there is no name for one of them.
  for (const tag of all) place.nameOf(tag);
  const copied = options.referrers !== undefined;
  // Who gets the referrers keeps the lists of them.
  const wanted = all.filter((tag) => passes(tagIn(tag)) && !(copied && isReferrersTag(tag)));
  if (wanted.length === 0 && all.length > 0)
    session.log.warn(`Nothing is copied: all tags of ${source} (${all.length}) are left out`);
  for (const tag of wanted) if (taken.has(tag)) session.log.line(`Skipping ${tag} due to no-clobber`);
  const tags = wanted.filter((tag) => !taken.has(tag));
  const copy = new TagsCopy(session, { source: reader, target: place }, options);
  const failures = await copy.all(tags);
  if (session.printsJson) await copy.printJson(tags, failures);
  else if (options.dryRun === true) await copy.printPlan(tags, wanted.length - tags.length);
  if (failures.size > 0) throw reported(session, failures, tags.length);
}

interface Places {
  readonly source: TagSource;
  readonly target: TagTarget;
}

class TagsCopy {
  readonly #session: Session;
  readonly #places: Places;
  readonly #options: CopyAllTagsOptions;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #transfer: Transfer;
  /** What tags name at the target, asked while the source answers. */
  readonly #tagged = new Map<string, Promise<Descriptor | undefined>>();
  /** What single tags add to the copy they share: indexes that were trimmed, and what sparse ones leave out. */
  readonly #manifests = new Map<Digest, Uint8Array>();
  readonly #filters: ChildFilter[] = [];
  readonly #lines = new Map<string, DryRunLine>();

  constructor(session: Session, places: Places, options: CopyAllTagsOptions) {
    const { dryRun, keepGoing, noClobber, concurrency, referrers, digestTags, trustManifests } = options;
    this.#session = session;
    this.#places = places;
    this.#options = options;
    this.#signal = joinSignals(session.signal, this.#abort.signal);
    const { destination } = places.target;
    const place = dryRun === true ? rehearsal(session, destination) : destination;
    this.#transfer = place.begin(places.source.store, {
      signal: this.#signal,
      keepGoing,
      concurrency,
      referrers,
      digestTags,
      keepDigestTags: noClobber,
      trustManifests,
      tagged: this.#tagged,
      manifests: this.#manifests,
      includeChild: options.sparse
        ? (child, parent) => this.#filters.every((includes) => includes(child, parent))
        : undefined,
    });
  }

  /** @returns what went wrong with which tag */
  async all(tags: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const { concurrency = defaultTags, keepGoing } = this.#options;
    const limiter = new Limiter(concurrency);
    const failures = new Map<string, unknown>();
    const copies = tags.map(async (tag) => {
      try {
        await limiter.run(() => this.#copy(tag), this.#signal);
      } catch (error) {
        if (!keepGoing || this.#signal.aborted || !isOciError(error)) throw error;
        failures.set(tag, error);
        this.#session.log.line(`Failed ${tag}: ${error.message}`);
      }
    });
    try {
      await Promise.all(copies);
      await this.#transfer.finish();
    } catch (error) {
      this.#abort.abort(error);
      await Promise.allSettled(copies);
      await this.#transfer.abandon();
      throw error;
    }
    return failures;
  }

  async printPlan(tags: readonly string[], skipped: number): Promise<void> {
    const lines = tags.map((tag) => this.#lines.get(tag)).filter((line) => line !== undefined);
    const text = [...lines.map(formatDryRun), formatDryRunTotal(lines, skipped)];
    await this.#session.print(`${text.join('\n')}\n`);
  }

  async printJson(tags: readonly string[], failures: ReadonlyMap<string, unknown>): Promise<void> {
    const [{ copyJson, failedJson }, { printJson }] = await Promise.all([
      import('./copy-json.ts'),
      import('../json-result.ts'),
    ]);
    const { source, target } = this.#places;
    const objects = tags.map((tag) => {
      const line = this.#lines.get(tag);
      if (line === undefined) return failedJson(source.nameOf(tag), target.nameOf(tag), failures.get(tag));
      return copyJson(line, `${target.destination.name}@${line.root.digest}`);
    });
    await printJson(this.#session, objects);
  }

  async #copy(tag: string): Promise<void> {
    const { source, target } = this.#places;
    const { destination } = target;
    const { dryRun, sparse } = this.#options;
    const [from, to] = [source.nameOf(tag), target.nameOf(tag)];
    const before = this.#lookUp(destination, tag);
    this.#session.log.line(`Fetching ${from}`);
    const { root, manifests, includeChild } = await step(`fetching ${from}`, async () => {
      const opened = await openArtifact(source.store, tag, { signal: this.#signal });
      const chosen = await chooseImages(this.#session, opened, sparse);
      return destination.choose === undefined ? chosen : destination.choose(chosen, this.#options);
    });
    for (const [digest, bytes] of manifests ?? []) this.#manifests.set(digest, bytes);
    if (includeChild !== undefined) this.#filters.push(includeChild);
    if (dryRun !== true) this.#session.log.line(`Pushing ${to}`);
    const summary = await step(`copying ${from} to ${to}`, () => this.#transfer.copy(root, tag));
    if (dryRun !== true && !this.#session.printsJson) return;
    this.#lines.set(tag, { source: from, target: to, root, before: await before.catch(() => undefined), summary });
  }

  #lookUp({ existing }: Destination, tag: string): Promise<Descriptor | undefined> {
    const asked = Promise.resolve(existing?.resolve?.(tag, { signal: this.#signal }));
    // What keeps it from being answered shows when something is written.
    asked.catch(() => {});
    this.#tagged.set(tag, asked);
    return asked;
  }
}

/** @throws {OciError} `AMBIGUOUS` for images of several repositories that are to become tags of one */
function checkNames(names: readonly string[], to: TagPlace, { nameOf }: TagSource): void {
  const full = names.find((name) => name.includes(':'));
  if (full === undefined || to.kind !== 'registry') return;
  const repositories = Array.from(new Set(names.map((name) => name.slice(0, name.lastIndexOf(':')))));
  throw new OciError(
    'AMBIGUOUS',
    `The source has images of ${repositories.length} repositories, and ${quoted(to.text)} is one: ${repositories.join(', ')}`,
    { hint: `Choose one: ${nameOf(repositories[0] ?? '')}` },
  );
}

/** Filters are about tags. */
function tagIn(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

async function listTags(session: Session, store: TagLister): Promise<readonly string[]> {
  const tags: string[] = [];
  // A registry may send all its tags at once, and a call takes only so many arguments.
  for await (const page of store.tags({ signal: session.signal })) for (const tag of page) tags.push(tag);
  return tags;
}

/** A repository that is not there, or not to be seen, has no tags to protect. */
async function takenTags(session: Session, place: Destination): Promise<ReadonlySet<string>> {
  await place.checkAbsent?.();
  const { existing } = place;
  if (existing === undefined || !canListTags(existing)) return new Set();
  try {
    return new Set(await listTags(session, existing));
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND') || isOciError(error, 'DENIED')) return new Set();
    throw error;
  }
}

/** All failures once more at the end, where they are seen. */
function reported({ log }: Session, failures: ReadonlyMap<string, unknown>, count: number): SilentFailure {
  log.plain(`Error: ${failures.size} of ${count} tags could not be copied:`);
  for (const [tag, error] of failures) log.plain(`  ${tag}: ${messageOf(error)}`);
  return new SilentFailure();
}
