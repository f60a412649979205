import { expect, it } from 'vitest';
import type { TransportEvent } from '../../remote/transport/events.ts';
import { traceTo } from './trace.ts';

const url = 'https://example.com/v2/';
const events: readonly TransportEvent[] = [
  { type: 'request', id: 1, method: 'GET', url, headers: { authorization: 'REDACTED' } },
  { type: 'request', id: 2, method: 'HEAD', url, headers: {} },
  { type: 'response', id: 1, method: 'GET', url, status: 200, milliseconds: 12.3, headers: { 'x-a': 'b' } },
  { type: 'retry', attempt: 1, delayMs: 1500, message: 'the line broke' },
  { type: 'warning', message: 'careful' },
];

function traced(verbosity: number): readonly string[] {
  const lines: string[] = [];
  const keep = (text: string): void => void lines.push(text);
  const log = { line: keep, note: keep, plain: keep, warn: keep, flushWarnings: () => {}, record: () => {} };
  for (const event of events) traceTo(log, verbosity)(event);
  return lines;
}

it('numbers requests and answers, which may come in another order, and shows their headers only when asked', () => {
  expect(traced(0)).toEqual(['retrying in 1.5 s: the line broke', 'careful']);
  expect(traced(1).slice(0, 3)).toEqual([
    '--> GET https://example.com/v2/ [1]',
    '--> HEAD https://example.com/v2/ [2]',
    '<-- 200 GET https://example.com/v2/ (12ms) [1]',
  ]);
  expect(traced(2).slice(0, 5)).toEqual([
    '--> GET https://example.com/v2/ [1]',
    '    authorization: REDACTED [1]',
    '--> HEAD https://example.com/v2/ [2]',
    '<-- 200 GET https://example.com/v2/ (12ms) [1]',
    '    x-a: b [1]',
  ]);
});
