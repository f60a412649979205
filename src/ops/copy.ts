import type { Descriptor } from '../oci/descriptor.ts';
import type { ContentSink, ContentSource } from '../store/store.ts';
import type { CopySummary } from './copy-options.ts';
import { GraphCopy, type GraphCopyOptions } from './graph-copy.ts';

/**
 * Copies the graph under `root`, children before parents, so that the sink never holds a manifest that points at nothing.
 * Pull, push, save, load and mirror are all this. What the sink has is not sent again; a manifest it has does not end the
 * walk, so that an interrupted copy heals when repeated. Rejects after everything it started has settled.
 *
 * @param options.tag what the sink shall call the root; without it the root is reachable by digest only
 * @throws {CopyError} that names the side, with the code of what went wrong there; `LIMIT_EXCEEDED` for indexes nested too
 *   deep and for more referrers than allowed; `UNSUPPORTED` for referrers of a source that cannot list them
 */
export async function copyGraph(
  source: ContentSource,
  sink: ContentSink,
  root: Descriptor,
  options: GraphCopyOptions & { readonly tag?: string | undefined } = {},
): Promise<CopySummary> {
  return new GraphCopy(source, sink, options).copy(root, options.tag);
}
