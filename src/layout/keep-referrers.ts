import { describeBytes } from '../content/hash.ts';
import { maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { isOciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { bySubject, referrersEntry, withReferrerEntries, withReferrers } from '../oci/layout-referrers.ts';
import { withEntry } from '../oci/image-layout.ts';
import { type ImageIndex, parseManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Referrer } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { ContentStore } from '../store/store.ts';
import type { IndexFile } from './index-file.ts';

/** Lists referrers that are in a layout, and writes the lists of them. Another process may do the same at the same time. */
export async function keepReferrers(
  file: IndexFile,
  content: Pick<ContentStore, 'fetch' | 'push'>,
  referrers: readonly Referrer[],
  options: CallOptions,
): Promise<void> {
  for (const [subject, group] of bySubject(referrers)) {
    while (!(await tryToKeep(file, content, { subject, group }, options)));
  }
}

/** @returns `false` when the list was changed by somebody else meanwhile */
async function tryToKeep(
  file: IndexFile,
  content: Pick<ContentStore, 'fetch' | 'push'>,
  { subject, group }: { readonly subject: Digest; readonly group: readonly Referrer[] },
  options: CallOptions,
): Promise<boolean> {
  const before = referrersEntry(await file.read(options), subject);
  const list = await writeList(content, before, group, options);
  let isCurrent = true;
  await file.update((index) => {
    isCurrent = referrersEntry(index, subject)?.digest === before?.digest;
    if (!isCurrent) return index;
    if (list !== undefined) return withReferrerEntries(index, subject, list, group);
    return group.reduce((result, { descriptor }) => withEntry(result, descriptor), index);
  }, options);
  return isCurrent;
}

async function writeList(
  content: Pick<ContentStore, 'fetch' | 'push'>,
  before: Descriptor | undefined,
  group: readonly Referrer[],
  options: CallOptions,
): Promise<Descriptor | undefined> {
  const bytes = withReferrers(before && (await readList(content, before, options)), group);
  if (bytes === undefined) return undefined;
  const list = describeBytes(bytes, mediaTypes.ociIndex);
  await content.push(list, bytes, options);
  return list;
}

/** @returns `undefined` when the entry of a list's name leads to none: the content is lost, or something else */
async function readList(
  content: Pick<ContentStore, 'fetch'>,
  target: Descriptor,
  options: CallOptions,
): Promise<ImageIndex | undefined> {
  try {
    const bytes = await collectVerified(await content.fetch(target, options), target, maxManifestSize);
    const manifest = parseManifest(bytes, target);
    return manifest.kind === 'index' ? manifest.index : undefined;
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
