import { formatReference } from '../oci/reference.ts';
import { copyGraph } from '../ops/copy.ts';
import { imageForPlatform } from '../ops/resolve.ts';
import type { Artifact } from '../store/artifact.ts';
import { type CacheEvent, cachingSource } from '../store/caching.ts';
import type { Log } from './log.ts';
import type { Location } from './location.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

/** An image to store, and what the user called it. */
export interface PulledImage {
  readonly location: Location;
  readonly artifact: Artifact;
}

/** The same image, its layers taken from a directory where they are there, and put there where not. */
export function withCache(session: Session, { location, artifact }: PulledImage, directory: string): PulledImage {
  const store = cachingSource(artifact.store, directory, { onEvent: (event) => logCache(session.log, event) });
  return { location, artifact: { ...artifact, store } };
}

/** Adds images to an OCI layout, which is made when it is not there. */
export async function saveLayout(
  session: Session,
  images: readonly PulledImage[],
  path: string,
  { annotate }: { readonly annotate: boolean },
): Promise<void> {
  const { openOrCreateLayout } = await import('../layout/layout-store.ts');
  const layout = await step(`saving OCI layout ${path}`, () => openOrCreateLayout(path, session));
  try {
    for (const { location, artifact } of images) {
      await step(`saving ${location.text} to ${path}`, () =>
        copyGraph(artifact.store, layout, artifact.root, { signal: session.signal, nonDistributable: true }),
      );
    }
    // Listed when all are there: a pull that fails leaves the layout as it was.
    for (const { location, artifact } of images) {
      await step(`saving ${location.text} to ${path}`, async () => {
        const refName = annotate ? fullNameOf(location) : undefined;
        await layout.append(artifact.root, { refName, platform: artifact.root.platform, signal: session.signal });
      });
    }
  } catch (error) {
    await layout.discardUnfinished();
    throw error;
  }
}

/** Writes a docker tarball or one of the legacy format, to a file or with `-` to standard output. */
export async function saveTarball(
  session: Session,
  images: readonly PulledImage[],
  path: string,
  format: 'tarball' | 'legacy',
): Promise<void> {
  const { writeDockerArchive } = await import('../archive/docker-archive-writer.ts');
  const { writeLegacyArchive } = await import('../archive/legacy-archive-writer.ts');
  const write = format === 'legacy' ? writeLegacyArchive : writeDockerArchive;
  const chosen = await Promise.all(
    images.map(async ({ location, artifact }) => ({
      artifact: await step(`fetching ${JSON.stringify(location.text)}`, () =>
        imageForPlatform(artifact, session.platform, session),
      ),
      name: 'reference' in location ? location.reference : location.tag,
    })),
  );
  const names = images.map(({ location }) => location.text).join(', ');
  await step(`saving ${names} to the ${format === 'legacy' ? 'legacy tarball' : 'tarball'} ${path}`, async () => {
    await write(chosen, path === '-' ? session.stdout : path, { signal: session.signal });
  });
}

function fullNameOf(location: Location): string | undefined {
  return location.kind === 'registry' ? formatReference(location.reference) : location.tag;
}

function logCache(log: Log, event: CacheEvent): void {
  const { digest } = event.target;
  if (event.type === 'hit') log.line(`Layer ${digest} found (compressed) in cache`);
  else if (event.type === 'miss') log.line(`Layer ${digest} not found (compressed) in cache, getting`);
  else log.warn(`Layer ${digest} is not kept in the cache: ${event.message}`);
}
