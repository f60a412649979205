import { type NamedImage, writeDockerArchive } from '../archive/docker-archive-writer.ts';
import { writeLegacyArchive } from '../archive/legacy-archive-writer.ts';
import { imageForPlatform } from '../ops/resolve.ts';
import { archiveSink } from './copying/archive-place.ts';
import { imageNameOf } from './location.ts';
import type { PulledImage, SaveOptions } from './save.ts';
import type { Session } from './session.ts';
import { step } from './step.ts';

/** Writes images to a docker tarball, to a file or with `-` to standard output. */
export async function saveTarball({ session, images, path, name, copy }: SaveOptions): Promise<void> {
  const chosen = await choose(session, images, name);
  await step(`saving ${namesOf(images)} to the tarball ${path}`, () =>
    writeDockerArchive(chosen, archiveSink(session, path), {
      concurrency: copy.concurrency,
      signal: session.signal,
      onProgress: session.onProgress,
    }),
  );
}

/** The same in the legacy format. */
export async function saveLegacyTarball({ session, images, path, name, copy }: SaveOptions): Promise<void> {
  const chosen = await choose(session, images, name);
  await step(`saving ${namesOf(images)} to the legacy tarball ${path}`, () =>
    writeLegacyArchive(chosen, archiveSink(session, path), {
      concurrency: copy.concurrency,
      signal: session.signal,
      onProgress: session.onProgress,
    }),
  );
}

/** A tarball holds images, not indexes. */
async function choose(
  session: Session,
  images: readonly PulledImage[],
  name: string | undefined,
): Promise<readonly NamedImage[]> {
  return Promise.all(
    images.map(async ({ location, artifact }) => ({
      artifact: await step(`fetching ${JSON.stringify(location.text)}`, () =>
        imageForPlatform(artifact, session.platform, session),
      ),
      name: name ?? imageNameOf(location),
    })),
  );
}

function namesOf(images: readonly PulledImage[]): string {
  return images.map(({ location }) => location.text).join(', ');
}
