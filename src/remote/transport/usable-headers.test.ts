import { expect, it } from 'vitest';
import { usableHeaders } from './usable-headers.ts';

it('configured headers go along, but for those that frame a message', () => {
  expect(usableHeaders({ 'X-Meta': 'a b', Host: 'evil.example', 'Content-Length': '1' })).toEqual({ 'x-meta': 'a b' });
});

it.each([
  ['X-Meta', 'secret\r\nX-Other: 1'],
  ['X-Meta', 'secret\u65e5'],
  ['X Meta', 'secret'],
  ['', 'secret'],
])('a configured header that no request can hold is refused without showing its value: %j', (name, value) => {
  const refused = expect.objectContaining({
    code: 'INVALID_SETTINGS',
    message: expect.not.stringContaining('secret') as string,
  }) as Error;
  expect(() => usableHeaders({ [name]: value })).toThrow(refused);
});
