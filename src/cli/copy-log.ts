import { isManifestType } from '../oci/media-type.ts';
import type { ProgressEvent } from '../store/progress.ts';
import type { Log } from './log.ts';

/** How what is copied is called in the lines about it. */
export interface CopiedNames {
  /** In front of `@DIGEST`, for manifests that get no tag. */
  readonly repository: string;
  /** A tag's image, as the user typed it. */
  nameOf(tag: string): string;
}

/** Turns the events of a copy into crane's lines: what existed, was mounted, was pushed. crane-cli reference, section 4. */
export function logCopy(log: Log, names: CopiedNames): (event: ProgressEvent) => void {
  return (event) => {
    if (event.type === 'skip' && event.reason !== 'nondistributable') {
      const { mediaType, digest } = event.target;
      const kind = isManifestType(mediaType) ? 'manifest' : 'blob';
      const shown = event.tag === undefined ? digest : `${event.tag}@${digest}`;
      log.line(`${event.reason === 'mounted' ? 'mounted' : 'existing'} ${kind}: ${shown}`);
    } else if (event.type === 'finish') {
      const { mediaType, digest, size } = event.target;
      const shown = event.tag === undefined ? `${names.repository}@${digest}` : names.nameOf(event.tag);
      log.line(isManifestType(mediaType) ? `${shown}: digest: ${digest} size: ${size}` : `pushed blob: ${digest}`);
    }
  };
}
