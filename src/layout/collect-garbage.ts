import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { collect } from '../content/bytes.ts';
import { fileFault } from '../content/file-fault.ts';
import type { LockOptions } from '../content/file-lock.ts';
import { maxManifestSize } from '../content/limit.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { parseLayoutIndex } from '../oci/image-layout.ts';
import { manifestTypeOf } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';
import { type Referrer, referrerIn } from '../oci/referrer.ts';
import { digestOf } from '../content/hash.ts';
import { algorithmOf, type Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { BlobDirectory } from './blobs.ts';
import { type LayoutFile, listContentFiles } from './content-files.ts';
import { IndexFile, type LayoutLock } from './index-file.ts';
import { Reachable, type ReachableOptions } from './reachable.ts';
import { hasWriters } from './writers.ts';

export interface CollectGarbageOptions extends ReachableOptions {
  /** Delete nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /**
   * Leave files alone that were changed less long ago, in milliseconds: for layouts to which programs write that do not
   * announce it.
   *
   * @default 0
   */
  readonly minAge?: number | undefined;
  /** Called with each file before it is deleted, or would be. */
  readonly onFile?: ((file: LayoutFile) => void) | undefined;
  /** How long to wait for other processes that change the same layout. @default a minute, ten seconds for a dead one */
  readonly lock?: Pick<LockOptions, 'staleAfter' | 'patience'> | undefined;
}

/** What a collection has found. */
export interface GarbageSummary {
  /** What was deleted, or would be. */
  readonly garbage: readonly LayoutFile[];
  /** What stays because something needs it. */
  readonly needed: readonly LayoutFile[];
  /** What nothing needs and is too young to go. */
  readonly young: readonly LayoutFile[];
  /** Paths of what is no content and was left alone. */
  readonly foreign: readonly string[];
}

/** A write that takes longer between two blocks has died, in milliseconds. */
const temporaryAge = 3600_000;
/** How many files are deleted until it is looked whether the lock is still held. */
const batch = 64;

/**
 * Deletes the content of a layout that cannot be reached from its `index.json`: from an entry through indexes, images and
 * documents of unknown kinds. The subject of what stays stays, and so does what has a subject that stays, even where nothing
 * lists it. Remains of writes that were broken off an hour ago go; other files that are no content are left alone.
 *
 * Nothing is deleted while somebody adds to the layout who has announced it, as all of this package's commands do
 * ({@link LayoutStore.announceWriter}); what is listed by others meanwhile is seen. crane-cli reference, section 9.14.
 *
 * @throws {OciError} `INVALID_LAYOUT` when it is none, and when a manifest is missing or damaged; `CONFLICT` while somebody
 *   adds to it; `FILE_SYSTEM`
 */
export async function collectGarbage(path: string, options: CollectGarbageOptions = {}): Promise<GarbageSummary> {
  const index = new IndexFile(path, options.lock);
  await index.check(options);
  const deleted: LayoutFile[] = [];
  for (;;) {
    const before = (await index.readBytes(options)) ?? new Uint8Array(0);
    const summary = await findGarbage(path, before, options).catch(async (error: unknown) => {
      // What was listed then may have been removed and collected since.
      if (isOciError(error, 'INVALID_LAYOUT') && !(await isUnchanged(index, before, options))) return undefined;
      throw error;
    });
    if (summary === undefined) continue;
    if (options.dryRun === true) {
      for (const file of summary.garbage) options.onFile?.(file);
      return summary;
    }
    const isDone = await index.locked(async (lock) => {
      if (!(await isUnchanged(index, before, options))) return false;
      if (await hasWriters(path, lock)) throw busy(path);
      return sweep(path, summary.garbage, lock, deleted, options);
    }, options);
    if (isDone) return { ...summary, garbage: deleted };
  }
}

async function isUnchanged(index: IndexFile, before: Uint8Array, options: CallOptions): Promise<boolean> {
  const now = await index.readBytes(options);
  return now !== undefined && Buffer.compare(now, before) === 0;
}

async function findGarbage(path: string, index: Uint8Array, options: CollectGarbageOptions): Promise<GarbageSummary> {
  const { manifests: entries } = parseLayoutIndex(index, quoted(path));
  const blobs = new BlobDirectory(path);
  const reachable = new Reachable(blobs, path, options);
  await reachable.follow(entries, true);
  const { content, temporary, foreign } = await listContentFiles(path, options);
  await followReferrers(reachable, blobs, content, options);
  const { minAge = 0 } = options;
  const now = Date.now();
  const isYoung = ({ changed }: LayoutFile, age: number): boolean => now - changed < age;
  const isNeeded = ({ digest }: LayoutFile): boolean => digest !== undefined && reachable.has(digest);
  const needed = content.filter(isNeeded);
  const young = content.filter((file) => !isNeeded(file) && isYoung(file, minAge));
  // What is not listed yet may already count on what has been there for long.
  const newRoots = young.map(({ digest, size }) => ({ mediaType: '', digest: digest as Digest, size }));
  await reachable.follow(newRoots, false);
  const remains = temporary.filter((file) => !isYoung(file, Math.max(minAge, temporaryAge)));
  return { garbage: [...content.filter((file) => !isNeeded(file)), ...remains], needed, young, foreign };
}

/** Manifests that refer to something that stays, until there are no more. */
async function followReferrers(
  reachable: Reachable,
  blobs: BlobDirectory,
  content: readonly LayoutFile[],
  options: CollectGarbageOptions,
): Promise<void> {
  const referrers: Referrer[] = [];
  for (const file of content) {
    const { digest, size } = file;
    if (digest === undefined || size > maxManifestSize || reachable.has(digest)) continue;
    const referrer = await referrerAt(blobs, { mediaType: '', digest, size }, options);
    if (referrer !== undefined) referrers.push(referrer);
  }
  for (;;) {
    const found = referrers.filter(
      ({ subject, descriptor }) => reachable.has(subject) && !reachable.has(descriptor.digest),
    );
    if (found.length === 0) return;
    await reachable.follow(
      found.map(({ descriptor }) => descriptor),
      false,
    );
  }
}

async function referrerAt(
  blobs: BlobDirectory,
  target: Descriptor,
  { signal }: CollectGarbageOptions,
): Promise<Referrer | undefined> {
  const [first] = await collect(await blobs.readRange(target, 0, 1, { signal }), 1);
  if (first !== 0x7b) return undefined;
  const bytes = await collect(await blobs.readRange(target, 0, target.size, { signal }), maxManifestSize);
  const mediaType = manifestTypeOf(bytes, '');
  if (!isManifestType(mediaType) || digestOf(bytes, algorithmOf(target.digest)) !== target.digest) return undefined;
  return referrerIn(bytes, { ...target, mediaType });
}

/** @returns whether the lock was held to the end */
async function sweep(
  root: string,
  garbage: readonly LayoutFile[],
  lock: LayoutLock,
  deleted: LayoutFile[],
  { onFile, signal }: CollectGarbageOptions,
): Promise<boolean> {
  for (const [i, file] of garbage.entries()) {
    if (i % batch === 0 && !(await lock.isHeld())) return false;
    signal?.throwIfAborted();
    const path = join(root, file.path);
    const stats = await lstat(path).catch(() => undefined);
    // Written once more by somebody who needs it.
    if (stats === undefined || stats.mtimeMs !== file.changed) continue;
    onFile?.(file);
    await rm(path, { force: true }).catch((error: unknown) => {
      throw fileFault(error, 'delete', path);
    });
    deleted.push(file);
  }
  return true;
}

function busy(path: string): OciError {
  return new OciError('CONFLICT', `Another process is adding to the layout ${quoted(path)}`, {
    hint: 'Nothing was deleted; try again when it has finished. One that was killed is forgotten after two minutes',
  });
}
