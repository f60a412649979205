import { availableParallelism } from 'node:os';
import { custom, type Flag } from '../framework/flag.ts';
import { parseDuration } from '../editing/duration.ts';

/** More at once than any registry takes. */
const maxJobs = 1000;

/** gcrane hangs with 0 and breaks down below (crane-cli reference, section 10.4). */
export const jobsFlag: Flag<number | undefined> = custom<number | undefined>({
  shorthand: 'j',
  description: 'Number of images to copy at the same time; without --recursive, of blobs',
  valueName: 'int',
  initial: undefined,
  shownDefault: 'the number of processors, at least 4',
  parse(text) {
    const jobs = /^\d{1,4}$/.test(text) ? Number(text) : 0;
    if (jobs >= 1 && jobs <= maxJobs) return jobs;
    throw new Error(`it has to be a whole number from 1 to ${maxJobs}`);
  },
});

/** Copying waits for registries more than it computes. */
export function jobsOf(given: number | undefined): number {
  return given ?? Math.max(availableParallelism(), 4);
}

/** A length of time, in milliseconds. */
export const ageFlag: Flag<number | undefined> = custom<number | undefined>({
  description: 'Only manifests that were pushed longer ago than this, for example 12h, 30d or 2w',
  valueName: 'duration',
  initial: undefined,
  parse: parseAge,
});

/** An amount of bytes. */
export const sizeFlag: Flag<number> = custom<number>({
  description: 'Only manifests of images of at least this size, for example 500MB or 1GiB',
  valueName: 'size',
  initial: 0,
  parse: parseSize,
});

function parseAge(text: string): number {
  const [, count, unit] = /^(\d{1,6})([dw])$/.exec(text) ?? [];
  if (count === undefined) return parseDuration(text) / 1e6;
  return Number(count) * (unit === 'w' ? 7 : 1) * 24 * 3600_000;
}

const powers = ['', 'k', 'm', 'g', 't'];

function parseSize(text: string): number {
  const [, number = '', prefix = '', binary] = /^(\d{1,12}(?:\.\d{1,6})?)([kmgt]?)(i?)b?$/i.exec(text) ?? [];
  const size = Math.round(Number(number) * (binary === '' ? 1000 : 1024) ** powers.indexOf(prefix.toLowerCase()));
  if (number !== '' && Number.isSafeInteger(size) && !(binary !== '' && prefix === '')) return size;
  throw new Error('it has to be a number of bytes, with a unit or without: 500MB, 1GiB');
}
