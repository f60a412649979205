import type { TestContext } from 'vitest';
import type { ContentStore } from '../../src/store/store.ts';

/** What some stores cannot do although the contract, or their interface, would allow it. */
export type Power =
  | 'sha512'
  | 'emptyBlob'
  | 'tags'
  | 'tagsAfter'
  | 'ranges'
  | 'referrers'
  | 'deleteManifest'
  | 'deleteTag'
  | 'deleteBlob';

export interface ContentStoreSuiteOptions {
  /** Powers to leave out, each with the reason that the report of skipped tests shall show. */
  readonly without?: Readonly<Partial<Record<Power, string>>>;
  /** Two empty stores of which the first takes blobs from the second by mounting. Without it mounting is not tested. */
  readonly openNeighbours?: () => Promise<readonly [sink: ContentStore, source: ContentStore]>;
}

/** Skips the running test, with its reason, when the store under test lacks the power. */
export function needs(context: TestContext, options: ContentStoreSuiteOptions, power: Power): void {
  const reason = options.without?.[power];
  if (reason !== undefined) context.skip(reason);
}
