import { OciError, quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatPlatform, type Platform, satisfiesPlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { EditOptions } from './documents.ts';
import { type EntryFate, type EntryOwner, selectEntries, withoutEntries } from './select-entries.ts';

export interface RemoveFromIndexOptions extends EditOptions {
  /** Whether nothing at all may stay. @default false */
  readonly allowEmpty?: boolean | undefined;
}

/**
 * An index without the entries of some digests or platforms, also of indexes within; a platform that leaves something open
 * takes all that fit. Attestations go with the images that they are about. Nothing else is changed.
 *
 * @throws {OciError} `NOT_FOUND` when a digest or platform fits no entry, listing what there is; `CONFLICT` when nothing would
 *   stay; `UNSUPPORTED` for what is no index; `LIMIT_EXCEEDED` for indexes nested too deep; `INVALID_MANIFEST`
 */
export async function removeFromIndex(
  index: Artifact,
  entries: readonly (Digest | Platform)[],
  options: RemoveFromIndexOptions = {},
): Promise<Artifact> {
  const seen: Descriptor[] = [];
  const missing = new Set(entries);
  const rule = (entry: Descriptor, owner: EntryOwner | undefined): EntryFate => {
    seen.push(entry);
    const fitting = entries.filter((one) => fits(entry, one));
    for (const one of fitting) missing.delete(one);
    if (fitting.length > 0) return 'go';
    return owner?.isListed === true ? 'follow' : 'stay';
  };
  const rest = await selectEntries(index, rule, options);
  const [first] = missing;
  if (first !== undefined) throw noEntry(first, index, seen);
  if (rest !== undefined) return rest;
  if (options.allowEmpty === true) return withoutEntries(index, options);
  throw new OciError('CONFLICT', `Nothing of the index ${index.root.digest} would stay`);
}

function fits({ digest, platform }: Descriptor, one: Digest | Platform): boolean {
  if (typeof one === 'string') return digest === one;
  return platform !== undefined && formatPlatform(one) !== '' && satisfiesPlatform(platform, one);
}

function noEntry(missing: Digest | Platform, { root }: Artifact, seen: readonly Descriptor[]): OciError {
  const shown = typeof missing === 'string' ? missing : quoted(formatPlatform(missing));
  const choices = new Set(
    seen.map(({ digest, platform }) => (typeof missing === 'string' || !platform ? digest : formatPlatform(platform))),
  );
  return new OciError('NOT_FOUND', `The index ${root.digest} has no entry for ${shown}`, {
    hint: choices.size === 0 ? 'The index is empty' : `It lists ${Array.from(choices).slice(0, 20).join(', ')}`,
  });
}
