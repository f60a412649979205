import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatErrorBody, parseErrorBody } from './error-body.ts';

describe('parseErrorBody', () => {
  it.each([
    [
      { errors: [{ code: 'DENIED', message: 'no', detail: { a: 1 } }] },
      [{ code: 'DENIED', message: 'no', detail: { a: 1 } }],
    ],
    [
      { errors: [null, 7, 'plain', { code: 'X' }, {}] },
      [
        { code: '', message: 'plain' },
        { code: 'X', message: '' },
      ],
    ],
    [{ details: 'incorrect username or password' }, [{ code: '', message: 'incorrect username or password' }]],
    [{ message: 'too much' }, [{ code: '', message: 'too much' }]],
    [{ error: 'invalid_grant', error_description: 'expired' }, [{ code: 'invalid_grant', message: 'expired' }]],
    [{ errors: 'none' }, []],
    [[], []],
    [null, []],
  ])('reads %j', (document, errors) => {
    expect(parseErrorBody(Buffer.from(JSON.stringify(document)))).toEqual(errors);
  });

  it('takes pages for browsers and broken text as saying nothing', () => {
    expect(parseErrorBody(Buffer.from('<html>502</html>'))).toEqual([]);
    expect(parseErrorBody(Buffer.from([0xff, 0xfe]))).toEqual([]);
  });

  it('reads what formatErrorBody writes', () => {
    const error = fc.record({ code: fc.string({ minLength: 1 }), message: fc.string() });
    fc.assert(
      fc.property(fc.array(error, { maxLength: 20 }), (errors) => {
        expect(parseErrorBody(Buffer.from(formatErrorBody(errors)))).toEqual(errors);
      }),
    );
  });
});
