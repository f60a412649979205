import { openOrCreateLayout } from '../layout/layout-store.ts';
import { formatReference } from '../oci/reference.ts';
import { copyGraph } from '../ops/copy.ts';
import { logCopy } from './copying/log.ts';
import type { Location } from './location.ts';
import type { SaveOptions } from './save.ts';
import { step } from './step.ts';

/** Adds images to an OCI layout, which is made when it is not there. */
export async function saveLayout({ session, images, path, name, annotate, copy }: SaveOptions): Promise<void> {
  const layout = await step(`saving OCI layout ${path}`, () => openOrCreateLayout(path, session));
  session.use(await layout.announceWriter(session));
  try {
    for (const { location, artifact } of images) {
      await step(`saving ${location.text} to ${path}`, () =>
        copyGraph(artifact.store, layout, artifact.root, {
          ...copy,
          manifests: artifact.manifests,
          signal: session.signal,
          nonDistributable: true,
          onProgress: logCopy(session, undefined),
        }),
      );
    }
    // Listed when all are there: a pull that fails leaves the layout as it was.
    for (const { location, artifact } of images) {
      await step(`saving ${location.text} to ${path}`, async () => {
        const refName = name ?? (annotate ? fullNameOf(location) : undefined);
        await layout.append(artifact.root, { refName, platform: artifact.root.platform, signal: session.signal });
      });
    }
  } catch (error) {
    await layout.discardUnfinished();
    throw error;
  }
}

/** What an entry is called by which the image can be told from all others. */
export function fullNameOf(location: Location): string | undefined {
  return location.kind === 'registry' ? formatReference(location.reference) : location.tag;
}
