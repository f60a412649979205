import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatErrorBody, pageTitle, parseErrorBody } from './error-body.ts';

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
    [{ detail: 'Not found.' }, [{ code: '', message: 'Not found.' }]],
    [{ error: { code: 404, message: 'gone' } }, [{ code: '404', message: 'gone' }]],
    [{ errors: { code: 'A', message: 'b' } }, [{ code: 'A', message: 'b' }]],
    [[{ code: 'A', message: 'b' }], [{ code: 'A', message: 'b' }]],
    ['just a text', [{ code: '', message: 'just a text' }]],
    [' ', []],
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

  it.each([
    [
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>a &lt; b</Message></Error>',
      'NoSuchKey',
      'a < b',
    ],
    ['<Error><Code>AccessDenied</Code></Error>', 'AccessDenied', ''],
  ])('reads what object stores say: %s', (text, code, message) => {
    expect(parseErrorBody(Buffer.from(text))).toEqual([{ code, message }]);
  });

  it.each(['<Error/>', '<Errors><Code>A</Code></Errors>', '<Error><Code></Code>'])('finds nothing in %s', (text) => {
    expect(parseErrorBody(Buffer.from(text))).toEqual([]);
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

it.each([
  ['<html><head><title>\n Sign in &amp; go </title>', 'Sign in & go'],
  ['<TITLE lang="en">502</TITLE>', '502'],
  ['<h1>Not Found</h1>', 'Not Found'],
  ['<title></title>', undefined],
  ['text', undefined],
])('finds the title of the page %j', (text, title) => {
  expect(pageTitle(text)).toBe(title);
});
