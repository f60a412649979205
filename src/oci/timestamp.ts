/** What Go writes for a time that was never set. */
export const zeroTimestamp = '0001-01-01T00:00:00Z';

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * The one way in which Go writes an RFC 3339 time: nanoseconds without trailing zeros, the offset kept, `Z` for none. A
 * `Date` would lose both. crane-library reference, section 7.5.
 *
 * @returns `undefined` for what is no time: a missing offset, a day that the month does not have
 */
export function normalizeTimestamp(text: string): string | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = match;
  const [fraction = '', sign, offsetHour = '00', offsetMinute = '00'] = match.slice(7);
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(offsetMinute) > 59) return undefined;
  if (Number(offsetHour) > 23 || !isDay(Number(year), Number(month), Number(day))) return undefined;
  const nanoseconds = fraction.slice(0, 9).replace(/0+$/, '');
  const isUtc = sign === undefined || `${offsetHour}${offsetMinute}` === '0000';
  const zone = isUtc ? 'Z' : `${sign}${offsetHour}:${offsetMinute}`;
  const time = `${hour.padStart(2, '0')}:${minute}:${second}${nanoseconds === '' ? '' : `.${nanoseconds}`}`;
  return `${year}-${month}-${day}T${time}${zone}`;
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leaps = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (leaps ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}
