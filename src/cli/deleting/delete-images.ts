import { isOciError, messageOf, OciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatRepository } from '../../oci/reference.ts';
import { deleteManifest } from '../../ops/deletion/delete-manifest.ts';
import { deleteTagOnly } from '../../ops/deletion/delete-tag-only.ts';
import { type DeletionPlan, DeletionPlanner } from '../../ops/deletion/plan-deletion.ts';
import { canDelete, type Deleter } from '../../store/capabilities.ts';
import type { ContentSource, ContentStore } from '../../store/store.ts';
import { printJson } from '../json-result.ts';
import type { Location } from '../location.ts';
import { openStore } from '../open.ts';
import { printableLine } from '../printable.ts';
import { SilentFailure } from '../report-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { type Deletion, jsonOf, linesOf, lossesOf } from './deletion.ts';
import { checkOtherTags, deletesNothing, notDeleted, tagsFirst, undeletable } from './refusals.ts';

export interface DeleteImagesOptions {
  /** Never delete what a tag names. */
  readonly tagOnly: boolean;
  /** Delete what a tag names. */
  readonly byDigest: boolean;
  /** All tags of what is deleted may go with it. */
  readonly allTags: boolean;
  readonly dryRun: boolean;
  readonly ignoreMissing: boolean;
  readonly keepGoing: boolean;
  readonly json: boolean;
}

/**
 * Deletes what arguments name, one after the other.
 *
 * @throws the first failure, which ends the rest unless they keep going
 */
export async function deleteImages(
  session: Session,
  locations: readonly Location[],
  options: DeleteImagesOptions,
): Promise<void> {
  const run = new DeletionRun(session, options);
  try {
    for (const location of locations) await run.one(location);
  } finally {
    if (options.json) await printJson(session, run.results.map(jsonOf));
  }
  run.end();
}

/** Where something is deleted. */
interface Place {
  /** In full. */
  readonly name: string;
  readonly store: ContentStore & Deleter;
  readonly planner: DeletionPlanner;
}

class DeletionRun {
  readonly results: Deletion[] = [];
  readonly #session: Session;
  readonly #options: DeleteImagesOptions;
  readonly #places = new Map<string, Promise<Place>>();

  constructor(session: Session, options: DeleteImagesOptions) {
    this.#session = session;
    this.#options = options;
  }

  async one(location: Location): Promise<void> {
    const { keepGoing, dryRun, json } = this.#options;
    const image = location.text;
    try {
      const result = await step(`deleting ${image}`, () => this.#delete(location));
      this.results.push(result);
      if (dryRun && !json)
        await this.#session.print(
          linesOf(result)
            .map((text) => `${printableLine(text)}\n`)
            .join(''),
        );
      else this.#tell(result);
    } catch (error) {
      this.results.push({ image, name: nameOf(location), status: 'failed', error: messageOf(error) });
      if (!keepGoing || this.#session.signal.aborted || !isOciError(error)) throw error;
      this.#session.log.plain(`Error: ${printableLine(messageOf(error))}`);
      if (error.hint !== undefined) this.#session.log.plain(`  ${printableLine(error.hint)}`);
    }
  }

  /** @throws {SilentFailure} when something failed, which was told */
  end(): void {
    const failed = this.results.filter(({ status }) => status === 'failed').length;
    if (failed === 0) return;
    this.#session.log.plain(`Error: ${failed} of ${this.results.length} could not be deleted`);
    throw new SilentFailure();
  }

  async #delete(location: Location): Promise<Deletion> {
    const image = location.text;
    const name = nameOf(location);
    try {
      const place = await this.#open(location, name);
      const { tag, digest } = location.kind === 'registry' ? location.reference : location;
      const named = tag ?? 'latest';
      if (this.#options.tagOnly)
        return { image, name, ...(await this.#tagOnly(place, { tag: named, digest, location })) };
      if (digest !== undefined) return { image, name, ...(await this.#manifest(place, digest, undefined)) };
      if (!this.#options.byDigest) return { image, name, ...(await this.#tag(place, named, location)) };
      const target = await place.store.resolve(named, this.#session);
      return { image, name, ...(await this.#manifest(place, target.digest, named)) };
    } catch (error) {
      if (!this.#options.ignoreMissing || !isOciError(error, 'NOT_FOUND')) throw error;
      return { image, name, status: 'missing' };
    }
  }

  async #open(location: Location, name: string): Promise<Place> {
    const open = async (): Promise<Place> => {
      const store = await openStore(this.#session, location, this.#options.dryRun ? 'pull' : 'delete');
      if (!canDelete(store) || !('push' in store)) throw undeletable(location);
      return { name, store, planner: this.#plannerOf(store) };
    };
    const known = this.#places.get(name) ?? open();
    this.#places.set(name, known);
    return known;
  }

  /** Who only deletes shall not wait for thousands of questions about what it is too late to save. */
  #plannerOf(store: ContentSource): DeletionPlanner {
    const { dryRun, json, byDigest, allTags } = this.#options;
    return new DeletionPlanner(
      store,
      dryRun || json || byDigest || allTags ? {} : { maxLookups: casualLookups, maxIndexes: casualLookups },
    );
  }

  async #tag(place: Place, tag: string, location: Location): Promise<Omit<Deletion, 'image' | 'name'>> {
    if (this.#options.dryRun) return this.#plannedTag(place, tag);
    try {
      await place.store.deleteTag(tag, this.#session);
    } catch (error) {
      // Registries that delete no tags say so of those that are not there, too.
      if (this.#options.ignoreMissing && isOciError(error, 'UNSUPPORTED')) await this.#checkExists(place, tag);
      throw notDeleted(error, location);
    }
    place.planner.forget([tag]);
    return { status: 'deleted', tag, via: 'tag', isManifest: false };
  }

  /** @throws {OciError} `NOT_FOUND`; when it cannot be told, nothing is thrown */
  async #checkExists(place: Place, tag: string): Promise<void> {
    try {
      await place.store.resolve(tag, this.#session);
    } catch (error) {
      this.#session.signal.throwIfAborted();
      if (isOciError(error, 'NOT_FOUND')) throw error;
    }
  }

  /** @param named.digest what the tag has to name, where that was said, too */
  async #tagOnly(
    place: Place,
    {
      tag,
      digest,
      location,
    }: { readonly tag: string; readonly digest?: Digest | undefined; readonly location: Location },
  ): Promise<Omit<Deletion, 'image' | 'name'>> {
    const planned = this.#options.dryRun || digest !== undefined ? await this.#plannedTag(place, tag) : undefined;
    if (digest !== undefined && planned?.digest !== digest) {
      throw new OciError(
        'CONFLICT',
        `${place.name}:${tag} names ${planned?.digest}, and not ${digest}: nothing was deleted`,
      );
    }
    if (this.#options.dryRun && planned !== undefined) return planned;
    // Where no manifest can be deleted, another one would only stay, too.
    if (deletesNothing(location)) return this.#tag(place, tag, location);
    const via = await deleteTagOnly(place.store, tag, this.#session);
    place.planner.forget([tag]);
    return { status: 'deleted', tag, via, digest, isManifest: false };
  }

  async #plannedTag(place: Place, tag: string): Promise<Omit<Deletion, 'image' | 'name'>> {
    const { digest } = await place.store.resolve(tag, this.#session);
    return { status: 'planned', tag, digest, isManifest: false };
  }

  /** @param tag by which it was named */
  async #manifest(place: Place, digest: Digest, tag: string | undefined): Promise<Omit<Deletion, 'image' | 'name'>> {
    const { dryRun, byDigest, allTags } = this.#options;
    const plan = await this.#plan(place, digest);
    if (plan !== undefined && byDigest && !allTags) checkOtherTags(place.name, plan, tag);
    if (dryRun) return { status: 'planned', digest, isManifest: true, plan };
    const tags = allTags ? plan?.tags : tag === undefined ? [] : [tag];
    // Where tags have to go first, images of indexes are kept, too: the tags would be lost for nothing.
    const first = plan !== undefined && plan.indexes.length > 0 ? [] : tags;
    try {
      await deleteManifest(place.store, digest, { tags: first, signal: this.#session.signal });
    } catch (error) {
      throw tagsFirst(error, plan, allTags);
    }
    place.planner.forget(plan?.tags ?? []);
    return { status: 'deleted', digest, isManifest: true, plan };
  }

  /** `undefined` where nobody is told of it, and where it cannot be had and was not asked for. */
  async #plan(place: Place, digest: Digest): Promise<DeletionPlan | undefined> {
    const { dryRun, json, byDigest, allTags } = this.#options;
    const isWanted = dryRun || json || byDigest || allTags;
    if (!isWanted && this.#session.isQuiet) return undefined;
    try {
      return await place.planner.plan(digest, this.#session);
    } catch (error) {
      this.#session.signal.throwIfAborted();
      if (isWanted || !isOciError(error)) throw error;
      return undefined;
    }
  }

  #tell({ status, image, ...result }: Deletion): void {
    const { log } = this.#session;
    if (status === 'missing') log.line(`${image} is not there`);
    if (status !== 'deleted') return;
    if (result.via === 'placeholder')
      log.line(`${image} was deleted by way of another image: this registry deletes no tags`);
    const { notes, warnings } = lossesOf({ status, image, ...result });
    for (const note of notes) log.line(note);
    for (const warning of warnings) log.warn(warning);
  }
}

/** So many tags, or indexes, are looked at only to tell what was lost with a manifest. */
const casualLookups = 100;

function nameOf(location: Location): string {
  return location.kind === 'registry' ? formatRepository(location.reference) : `${location.kind}:${location.path}`;
}
