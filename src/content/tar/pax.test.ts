import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOciError } from '../../errors.ts';
import { formatPaxRecords, parsePaxRecords } from './pax.ts';

describe('PAX records', () => {
  it.each([
    '9 a=b\nXX',
    '6 a=b\n\0\0',
    '6 a=b\n0 ',
    'x',
    '6 a=b',
    '6 =bc\n',
    '99 a=b\n',
    '0 a=b\n',
    '-6 a=b\n',
    '6 abc\n',
    '12 path=a\0b\n',
    '14 linkpath=\0\n',
    '7 \0a=b\n',
  ])('that are malformed are refused and end the reading: %j', (text) => {
    expect(() => parsePaxRecords(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'INVALID_ARCHIVE' }));
  });

  it('may have NUL bytes in values that are no names', () => {
    expect(parsePaxRecords(Buffer.from('13 xattr=a\0b\n'))).toEqual(new Map([['xattr', 'a\0b']]));
  });

  it('of any bytes are read to an end', () => {
    const piece = fc.oneof(fc.constantFrom('6 a=b\n', '0', ' ', '\n', '=', '12 path=x'), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          parsePaxRecords(Buffer.from(pieces.join('')));
        } catch (error) {
          if (!isOciError(error, 'INVALID_ARCHIVE')) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are read as they were written', () => {
    const key = fc.stringMatching(/^[a-zA-Z.]{1,40}$/).filter((text) => !text.startsWith('GNU.sparse.'));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(key, fc.string({ maxLength: 200 })), { selector: ([name]) => name }),
        (pairs) => {
          const records = new Map(pairs);
          expect(parsePaxRecords(formatPaxRecords(records))).toEqual(records);
        },
      ),
    );
  });
});
