import { type ArchivedArtifact, type ArchivedReferrer, writeOciArchive } from '../archive/oci-archive-writer.ts';
import { CopyPlan } from '../ops/copy-plan.ts';
import { GraphCopy } from '../ops/graph-copy.ts';
import { archiveSink } from './copying/archive-place.ts';
import { withManifests } from './copying/local-destination.ts';
import { logCopy } from './copying/log.ts';
import { fullNameOf } from './save-layout.ts';
import type { PulledImage, SaveOptions } from './save.ts';
import { step } from './step.ts';

/** Writes images, indexes whole, to an OCI archive, to a file or with `-` to standard output. */
export async function saveOciArchive(options: SaveOptions): Promise<void> {
  const { session, images, path } = options;
  const shown = images.map(({ location }) => location.text).join(', ');
  await step(`saving ${shown} to the OCI archive ${path}`, async () => {
    const contents: Contents[] = [];
    for (const image of images) contents.push(await contentsOf(options, image));
    const artifacts = contents.flatMap((one) => one.artifacts);
    const referrers = contents.flatMap((one) => one.referrers);
    const { signal, onProgress } = session;
    await writeOciArchive(archiveSink(session, path), artifacts, { signal, onProgress, referrers });
  });
}

/** What one image brings along: itself, its digest tags, what refers to it. */
interface Contents {
  readonly artifacts: readonly ArchivedArtifact[];
  readonly referrers: readonly ArchivedReferrer[];
}

async function contentsOf({ session, name, copy }: SaveOptions, image: PulledImage): Promise<Contents> {
  const { root, store: source, manifests } = image.artifact;
  const plan = new CopyPlan();
  const { signal } = session;
  const onProgress = logCopy({ log: session.log, onProgress: undefined, isJson: session.isJson }, undefined);
  const planning = { ...copy, manifests, signal, nonDistributable: true, onProgress };
  await new GraphCopy(source, plan, planning).copy(root);
  const store = await withManifests(source, plan);
  const refName = name ?? fullNameOf(image.location);
  return {
    artifacts: [
      { artifact: { root, store }, refName, platform: root.platform },
      ...plan.tags.map(({ tag, target }) => ({ artifact: { root: target, store }, refName: tag })),
    ],
    referrers: plan.referrers.map((referrer) => Object.assign({ store }, referrer)),
  };
}
