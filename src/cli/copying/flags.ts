import type { CopyOptions } from '../../ops/copy-options.ts';
import { bool, custom, type Flag, type FlagsOf, int, strings } from '../framework/flag.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../framework/usage-error.ts';

const referrerModes = ['all', 'best-effort', 'none'] as const;

/** Whether referrers come along, and whether one that cannot is a failure. */
export type ReferrerMode = (typeof referrerModes)[number];

/** What brings attached content along. */
export interface AttachmentFlags {
  readonly referrers: ReferrerMode;
  readonly 'artifact-type': readonly string[];
  readonly 'digest-tags': boolean;
}

const referrers: Flag<ReferrerMode> = {
  ...custom<ReferrerMode>({
    description:
      'Copy what refers to the images, too: signatures, SBOMs, attestations; with =best-effort one that cannot be copied is a warning',
    valueName: '[=mode]',
    initial: 'none',
    parse: readMode,
    complete: () => referrerModes,
  }),
  impliedText: 'all',
};

export const attachmentFlags: FlagsOf<AttachmentFlags> = {
  referrers,
  'artifact-type': strings({
    description: 'Kinds of referrers that --referrers copies, with all that refers to them; all when left out',
  }),
  'digest-tags': bool({
    description:
      "Copy tags of the form sha256-HEX.sig, .att, .sbom and so on that belong to the images, as cosign's do",
  }),
};

export const jobsFlag: Flag<number> = int({
  shorthand: 'j',
  description:
    'Number of blobs to move at the same time; 0 means 4, and 16 small ones beside them where no tarball is written',
});

/** @throws {UsageError} for kinds of referrers without referrers */
export function attachmentsOf(flags: AttachmentFlags): Pick<CopyOptions, 'referrers' | 'digestTags'> {
  const artifactTypes = flags['artifact-type'];
  if (flags.referrers === 'none') {
    if (artifactTypes.length > 0) throw new UsageError('--artifact-type chooses among --referrers, which is not given');
    return { digestTags: flags['digest-tags'] };
  }
  const bestEffort = flags.referrers === 'best-effort';
  return { referrers: { artifactTypes, bestEffort }, digestTags: flags['digest-tags'] };
}

/**
 * How many things move at once; `undefined` leaves that to the library. To be asked before registries are.
 *
 * @throws {UsageError} below zero
 */
export function concurrencyOf(jobs: number, { connections }: Session): number | undefined {
  if (jobs < 0) throw new UsageError(`--jobs cannot be below zero, but is ${jobs}`);
  if (jobs === 0) return undefined;
  connections.makeRoomFor(jobs);
  return jobs;
}

function readMode(text: string): ReferrerMode {
  if (text === 'true') return 'all';
  if (text === 'false') return 'none';
  if ((referrerModes as readonly string[]).includes(text)) return text as ReferrerMode;
  throw new Error(`it has to be one of ${referrerModes.join(', ')}`);
}
