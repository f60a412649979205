import { openOrCreateLayout } from '../../layout/layout-store.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { CopyPlan } from '../../ops/copy-plan.ts';
import { GraphCopy } from '../../ops/graph-copy.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import type { ContentSource } from '../../store/store.ts';
import { archiveSink, checkAbsent } from './archive-place.ts';
import { logCopy } from './log.ts';
import type { Destination } from './destination.ts';
import type { Session } from '../session.ts';

/** @param nameOf a tag's image as the user calls it */
export async function layoutDestination(
  session: Session,
  path: string,
  nameOf: (tag: string) => string,
): Promise<Destination> {
  const layout = await openOrCreateLayout(path, session);
  const name = `oci:${path}`;
  return {
    name,
    existing: layout,
    begin(source, options) {
      const untagged: Descriptor[] = [];
      const onProgress = logCopy(session, { repository: name, nameOf });
      const { signal } = session;
      const copy = new GraphCopy(source, layout, { signal, nonDistributable: true, onProgress, ...options });
      let announced: Promise<AsyncDisposable> | undefined;
      return {
        async copy(root, tag) {
          announced ??= layout.announceWriter({ signal }).then((writer) => session.use(writer));
          await announced;
          const summary = await copy.copy(root, tag);
          if (tag === undefined) untagged.push(root);
          return summary;
        },
        async finish() {
          for (const root of untagged) await layout.append(root, { signal });
        },
        abandon: () => layout.discardUnfinished(),
      };
    },
  };
}

/** An archive is written when it is known what goes into it. */
export function ociArchiveDestination(session: Session, path: string): Destination {
  return {
    name: `oci-archive:${path}`,
    existing: undefined,
    checkAbsent: () => checkAbsent(path),
    begin(source, options) {
      const plan = new CopyPlan();
      const untagged: Descriptor[] = [];
      const { signal, onProgress } = session;
      const onlyWarnings = logCopy({ log: session.log, onProgress: undefined, isJson: session.isJson }, undefined);
      const copy = new GraphCopy(source, plan, {
        signal,
        nonDistributable: true,
        onProgress: onlyWarnings,
        ...options,
      });
      return {
        async copy(root, tag) {
          const summary = await copy.copy(root, tag);
          if (tag === undefined) untagged.push(root);
          return summary;
        },
        async finish() {
          const { writeOciArchive } = await import('../../archive/oci-archive-writer.ts');
          const store = await withManifests(source, plan);
          const tagged = plan.tags.map(({ tag, target }) => ({ artifact: { root: target, store }, refName: tag }));
          const others = untagged.map((root) => ({ artifact: { root, store } }));
          const referrers = plan.referrers.map((referrer) => Object.assign({ store }, referrer));
          const { includeChild } = options;
          await writeOciArchive(archiveSink(session, path), [...tagged, ...others], {
            signal,
            onProgress,
            referrers,
            includeChild,
          });
        },
        abandon: async () => {},
      };
    },
  };
}

/** The source, with manifests that were read already or are not there. */
export async function withManifests(source: ContentSource, { manifests }: CopyPlan): Promise<ContentSource> {
  const upper = new MemoryStore();
  for (const { target, bytes } of manifests) await upper.push(target, bytes);
  return new OverlayStore(upper, source);
}
