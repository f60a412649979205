import { messageOf } from '../../errors.ts';
import { artifactJson } from '../json-result.ts';
import { type DryRunLine, statusOf } from './dry-run.ts';

/** What became, or would become, of one image as JSON. */
export function copyJson({ source, target, root, before, summary }: DryRunLine, reference: string): object {
  const { blobs, bytes, referrers, digestTags } = summary;
  const status = statusOf({ root, before });
  return {
    source,
    target,
    status,
    ...artifactJson(reference, root),
    was: status === 'changed' ? before?.digest : undefined,
    blobs,
    bytes,
    referrers,
    digestTags: digestTags.length,
  };
}

/** An image that could not be copied, as JSON. */
export function failedJson(source: string, target: string, error: unknown): object {
  return { source, target, status: 'failed', error: messageOf(error) };
}
