import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform, satisfiesPlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { noMatch } from '../resolve.ts';
import type { EditOptions } from './documents.ts';
import { type EntryFate, type EntryOwner, selectEntries, withoutEntries } from './select-entries.ts';

export interface FilterIndexOptions extends EditOptions {
  /** Whether nothing at all may stay. @default false: an error, which lists what there is */
  readonly allowEmpty?: boolean | undefined;
  /**
   * What becomes of attestations of images that stay, and in a layout of lists of their referrers. crane drops them, since
   * their platform is unknown. @default 'keep'
   */
  readonly attestations?: 'keep' | 'drop' | undefined;
}

/**
 * An index with only the entries that fit one of the platforms; what a platform leaves open fits anything. Entries that
 * state no platform go, as with crane; indexes within are filtered, and go when nothing of them stays. Where all stays the
 * result has the same root. crane-cli reference, section 9.13.
 *
 * @param platforms `'all'` lets everything stay, except attestations that shall not
 * @throws {OciError} `NO_MATCHING_PLATFORM` when nothing would stay, listing what there is; `UNSUPPORTED` for what is no
 *   index; `LIMIT_EXCEEDED` for indexes nested too deep; `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function filterIndex(
  index: Artifact,
  platforms: readonly Platform[] | 'all',
  options: FilterIndexOptions = {},
): Promise<Artifact> {
  const seen: Descriptor[] = [];
  let unstated = 0;
  const follower: EntryFate = options.attestations === 'drop' ? 'go' : 'follow';
  const rule = (entry: Descriptor, owner: EntryOwner | undefined): EntryFate => {
    if (owner !== undefined) return platforms === 'all' && follower === 'follow' ? 'stay' : follower;
    if (platforms === 'all' || isIndexType(entry.mediaType)) return 'stay';
    const { platform } = entry;
    if (platform === undefined) unstated++;
    else seen.push(entry);
    return platform !== undefined && platforms.some((wanted) => fits(platform, wanted)) ? 'stay' : 'go';
  };
  const filtered = await selectEntries(index, rule, options);
  if (filtered !== undefined) return filtered;
  if (options.allowEmpty === true) return withoutEntries(index, options);
  if (platforms === 'all' || (seen.length === 0 && unstated > 0)) throw nothingStays(index, unstated);
  throw noMatch(platforms, index.root, seen);
}

/** A platform that names nothing, as an empty variable in a script gives, fits nothing. */
function fits(actual: Platform, wanted: Platform): boolean {
  return formatPlatform(wanted) !== '' && satisfiesPlatform(actual, wanted);
}

function nothingStays({ root }: Artifact, unstated: number): OciError {
  return new OciError('NO_MATCHING_PLATFORM', `Nothing of the index ${root.digest} would stay`, {
    hint: unstated === 0 ? 'The index is empty' : 'Its entries state no platform',
  });
}
