import { expect, it } from 'vitest';
import { isOciError, lowerFirst, messageOf, OciError, quoted } from './errors.ts';

it('carries a code, a hint and its cause', () => {
  const cause = new Error('inner');
  const error = new OciError('NOT_FOUND', 'No such thing', { hint: 'Look elsewhere', cause });
  expect(error).toMatchObject({
    name: 'OciError',
    code: 'NOT_FOUND',
    hint: 'Look elsewhere',
    message: 'No such thing',
  });
  expect(error.cause).toBe(cause);
  expect('cause' in new OciError('NOT_FOUND', 'No cause')).toBe(false);
});

it('is recognised across copies of the package, by code when asked', () => {
  const foreign = { isOciError: true, code: 'DENIED' };
  expect(isOciError(new OciError('DENIED', 'No'))).toBe(true);
  expect(isOciError(foreign, 'DENIED')).toBe(true);
  expect(isOciError(foreign, 'NOT_FOUND')).toBe(false);
  for (const other of [new Error('x'), undefined, null, 'DENIED', {}]) expect(isOciError(other)).toBe(false);
});

it('quotes values so that they cannot forge output', () => {
  expect(quoted('a"b')).toBe(String.raw`"a\"b"`);
  expect(quoted('\u001b[31m\n')).toBe(String.raw`"\u001b[31m\n"`);
  expect(quoted('x'.repeat(1000))).toHaveLength(203);
});

it('finds the message of anything thrown', () => {
  expect(messageOf(new Error('a'))).toBe('a');
  expect(messageOf('b')).toBe('b');
  expect(messageOf(undefined)).toBe('undefined');
});

it('joins sentences behind a colon', () => {
  const sentences = ['Nothing listens', 'A layer is missing', 'TLS is wanted', 'sha256 is'];
  expect(sentences.map(lowerFirst)).toEqual(['nothing listens', 'a layer is missing', 'TLS is wanted', 'sha256 is']);
});
