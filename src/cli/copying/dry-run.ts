import type { Descriptor } from '../../oci/descriptor.ts';
import type { CopySummary } from '../../ops/copy-options.ts';

/** What would become of one tag or manifest. */
export interface DryRunLine {
  readonly source: string;
  readonly target: string;
  readonly root: Descriptor;
  /** What the target names now. */
  readonly before: Descriptor | undefined;
  readonly summary: CopySummary;
}

/** `new     SRC -> DST sha256:…: 3 blobs, 1234 bytes`. */
export function formatDryRun({ source, target, root, before, summary }: DryRunLine): string {
  const status = statusOf({ root, before });
  const was = status === 'changed' && before !== undefined ? ` (was ${before.digest})` : '';
  const missing = missingIn(summary);
  return `${status.padEnd(7)} ${source} -> ${target} ${root.digest}${was}${missing === '' ? '' : `: ${missing}`}`;
}

/** The line that ends a dry run of several tags. */
export function formatDryRunTotal(lines: readonly DryRunLine[], skipped: number): string {
  const count = (status: string): number => lines.filter((line) => statusOf(line) === status).length;
  const parts = (['new', 'changed', 'same'] as const).map((status) => `${count(status)} ${status}`);
  const summaries = lines.map(({ summary }) => summary);
  const blobs = sum(summaries.map((one) => one.blobs));
  const bytes = sum(summaries.map((one) => one.bytes));
  const left = skipped === 0 ? '' : `, ${skipped} skipped`;
  return `${amount(lines.length + skipped, 'tag')}: ${parts.join(', ')}${left}; ${amount(blobs, 'blob')}, ${amount(bytes, 'byte')} to copy`;
}

/** What a copy does to what the target names. */
export function statusOf({ root, before }: Pick<DryRunLine, 'root' | 'before'>): 'new' | 'changed' | 'same' {
  if (before === undefined) return 'new';
  return before.digest === root.digest ? 'same' : 'changed';
}

function missingIn({ blobs, bytes, referrers, digestTags }: CopySummary): string {
  return [
    blobs === 0 ? '' : `${amount(blobs, 'blob')}, ${amount(bytes, 'byte')}`,
    referrers === 0 ? '' : amount(referrers, 'referrer'),
    digestTags.length === 0 ? '' : amount(digestTags.length, 'digest tag'),
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
