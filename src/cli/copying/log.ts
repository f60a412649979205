import { isManifestType } from '../../oci/media-type.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import type { Session } from '../session.ts';
import { retryLine } from '../connections/trace.ts';

/** How what is copied is called in the lines about it. */
export interface CopiedNames {
  /** In front of `@DIGEST`, for manifests that get no tag. */
  readonly repository: string;
  /** A tag's image, as the user typed it. */
  nameOf(tag: string): string;
}

/**
 * Shows the events of a copy: as crane's lines, which tell what existed, was mounted, was pushed (crane-cli reference,
 * section 4), and as progress.
 *
 * @param names without them only warnings are shown
 */
export function logCopy(
  { log, onProgress, isJson }: Pick<Session, 'log' | 'onProgress' | 'isJson'>,
  names: CopiedNames | undefined,
): (event: ProgressEvent) => void {
  return (event) => {
    onProgress?.(event);
    // Among JSON objects the event itself is one.
    if (event.type === 'warning' && !isJson) log.warn(event.message);
    // A display shows it beside the blob.
    if (event.type === 'retry' && onProgress === undefined) log.line(retryLine(event));
    if (names === undefined) return;
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
