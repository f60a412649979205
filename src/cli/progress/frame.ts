import { durationText, kindOf, sizeText } from './words.ts';
import { isSettled, type Tracker, type Transfer } from './tracker.ts';

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The lines to show: every blob while all fit on the screen, else those that move; below them a line for all. No line is as
 * wide as the terminal, which would make some wrap it.
 *
 * @param now milliseconds of the tracker's clock
 */
export function frameOf(tracker: Tracker, { columns, rows }: FrameSize, now: number): readonly string[] {
  // Some rows are left for lines above, and for what the user typed.
  const room = Math.max(1, Math.min(rows - 4, maxBars));
  const shown = tracker.totals.blobs <= room ? Array.from(tracker.all) : Array.from(tracker.active).slice(0, room);
  const lines = shown.map((transfer) => transferLine(transfer, columns, now));
  return [...lines, totalLine(tracker)].map((line) => line.slice(0, columns - 1));
}

/** What was moved, in one line; `undefined` when there was nothing to move. */
export function summaryOf({ totals }: Tracker, now: number): string | undefined {
  const { blobs, settled, moved, skipped, startedAt } = totals;
  if (blobs === 0) return undefined;
  const skips = skipped.exists + skipped.mounted + skipped.nondistributable;
  const done = settled - skips;
  // After a failure not all have come.
  const amount = settled === blobs ? count(done) : `${done} of ${count(blobs - skips)}`;
  const time = now - startedAt;
  const rate = time > 0 && moved > 0 ? ` (${sizeText((moved / time) * 1000)}/s)` : '';
  const parts = blobs > skips ? [`${amount}, ${sizeText(moved)} in ${secondsText(time)}${rate}`] : [];
  return [...parts, ...skippedParts(skipped)].join('; ');
}

/** `12 of 40 blobs, 12.3 MB of 80.0 MB, 9.1 MB/s, 8s left; 3 were there` */
export function totalLine({ totals, speed }: Tracker): string {
  const { blobs, settled, bytes, size, skipped } = totals;
  const rate = speed.bytesPerSecond;
  const parts = [`${settled} of ${count(blobs)}`, `${sizeText(bytes)} of ${sizeText(size)}`];
  if (rate > 0) parts.push(`${sizeText(rate)}/s`);
  if (rate > 0 && size > bytes) parts.push(`${durationText(((size - bytes) / rate) * 1000)} left`);
  return [parts.join(', '), ...skippedParts(skipped)].join('; ');
}

const maxBars = 20;

function transferLine(transfer: Transfer, columns: number, now: number): string {
  const { target } = transfer;
  const [algorithm = '', hex = ''] = target.digest.split(':');
  const name = `${algorithm}:${hex.slice(0, 12)} ${kindOf(target).padEnd(6)} `;
  // The same on all lines and at all times, so that nothing jumps.
  const width = Math.min(columns - name.length - roomForWords, maxBarWidth);
  if (width < minBarWidth) return name + stateWords(transfer, now);
  const bar = isSettled(transfer) ? ' '.repeat(width) : barOf(transfer, width - 2);
  return `${name}${bar} ${stateWords(transfer, now)}`;
}

/** For ` 123 MB of 456 MB  99.9 MB/s  59m59s`. */
const roomForWords = 40;
const minBarWidth = 8;
const maxBarWidth = 32;

function barOf({ bytes, target: { size } }: Transfer, width: number): string {
  const filled = size === 0 ? width : Math.min(width, Math.floor((bytes / size) * width));
  const head = filled > 0 && filled < width ? '>' : '';
  return `[${'='.repeat(filled - head.length)}${head}${' '.repeat(width - filled)}]`;
}

function stateWords(transfer: Transfer, now: number): string {
  const { state, bytes, target, startedAt = transfer.finishedAt, finishedAt, retryAt, speed } = transfer;
  const amounts = `${sizeText(bytes).padStart(7)} of ${sizeText(target.size)}`;
  switch (state) {
    case 'waiting':
      return `${sizeText(target.size).padStart(7)}  waiting`;
    case 'moving': {
      const rate = speed.bytesPerSecond;
      if (rate === 0) return amounts;
      return `${amounts}  ${sizeText(rate)}/s  ${durationText(((target.size - bytes) / rate) * 1000)}`;
    }
    case 'committing':
      return `${amounts}  committing`;
    case 'retrying':
      return `${amounts}  retrying in ${durationText(Math.max(0, retryAt - now))}`;
    case 'done':
      return `${sizeText(target.size).padStart(7)}  done in ${secondsText(finishedAt - startedAt)}`;
    default:
      return `${sizeText(target.size).padStart(7)}  ${skipWords[state]}`;
  }
}

/** How a blob that did not have to move is spoken of. */
export const skipWords = {
  exists: 'exists',
  mounted: 'mounted',
  nondistributable: 'left out (non-distributable)',
} as const;

function skippedParts(skipped: Tracker['totals']['skipped']): readonly string[] {
  const parts = [
    skipped.exists > 0 ? `${skipped.exists} existed` : '',
    skipped.mounted > 0 ? `${skipped.mounted} mounted` : '',
    skipped.nondistributable > 0 ? `${skipped.nondistributable} left out` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? [] : [parts.join(', ')];
}

function secondsText(milliseconds: number): string {
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)}s` : durationText(milliseconds);
}

function count(blobs: number): string {
  return `${blobs} blob${blobs === 1 ? '' : 's'}`;
}
