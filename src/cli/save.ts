import type { CopyOptions } from '../ops/copy-options.ts';
import { type CacheEvent, cachingSource } from '../store/caching.ts';
import type { Log } from './log.ts';
import type { Location } from './location.ts';
import type { ChosenArtifact } from './open.ts';
import type { Session } from './session.ts';

/** An image to store, and what the user called it. */
export interface PulledImage {
  readonly location: Location;
  readonly artifact: ChosenArtifact;
}

/** What is stored, and where. */
export interface SaveOptions {
  readonly session: Session;
  readonly images: readonly PulledImage[];
  readonly path: string;
  /** What the only image is called there. @default what it is called where it comes from */
  readonly name?: string | undefined;
  /** Call the entries of a layout by the full names of the images. */
  readonly annotate: boolean;
  readonly copy: Pick<CopyOptions, 'concurrency' | 'referrers' | 'digestTags'>;
}

/** The same image, its layers taken from a directory where they are there, and put there where not. */
export function withCache(session: Session, { location, artifact }: PulledImage, directory: string): PulledImage {
  const store = cachingSource(artifact.store, directory, { onEvent: (event) => logCache(session.log, event) });
  return { location, artifact: { ...artifact, store } };
}

function logCache(log: Log, event: CacheEvent): void {
  const { digest } = event.target;
  if (event.type === 'hit') log.line(`Layer ${digest} found (compressed) in cache`);
  else if (event.type === 'miss') log.line(`Layer ${digest} not found (compressed) in cache, getting`);
  else log.warn(`Layer ${digest} is not kept in the cache: ${event.message}`);
}
