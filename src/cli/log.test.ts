import { expect, it } from 'vitest';
import { createLog, type LogOptions } from './log.ts';
import type { Process } from './process.ts';

function printed(options: LogOptions, env: Process['env'] = {}, isTTY = false): readonly string[] {
  let text = '';
  const stderr = { isTTY, write: async (chunk: string | Uint8Array) => void (text += String(chunk)) };
  const process = { stderr, env, now: () => new Date(2024, 0, 2, 3, 4, 5) } as unknown as Process;
  const log = createLog(process, options);
  log.line('what is done\u001b[2J');
  log.note('what was asked for');
  log.plain('a text');
  log.warn('b');
  log.warn('a');
  log.warn('b');
  log.flushWarnings();
  log.flushWarnings();
  return text.trimEnd().split('\n');
}

it('prints lines with the time, and warnings at the end, each once, sorted', () => {
  expect(printed({})).toEqual([
    '2024/01/02 03:04:05 what is done\\u001b[2J',
    '2024/01/02 03:04:05 what was asked for',
    'a text',
    '[WARNING]: a',
    '[WARNING]: b',
  ]);
});

it('colours on a terminal only, and not where colours are not wanted', () => {
  expect(printed({}, {}, true).at(-1)).toBe('\u001b[1;33m[WARNING]\u001b[0m: b');
  for (const env of [{ NO_COLOR: '' }, { TERM: 'dumb' }]) expect(printed({}, env, true).at(-1)).toBe('[WARNING]: b');
});

it('leaves out what is done when quiet, and nothing else', () => {
  expect(printed({ quiet: () => true })).toEqual(printed({}).slice(1));
});

it('writes nothing but JSON where that is wanted', () => {
  const time = new Date(2024, 0, 2, 3, 4, 5).toISOString();
  expect(printed({ json: () => true }).map((line) => JSON.parse(line) as unknown)).toEqual([
    { time, type: 'log', message: 'what is done\u001b[2J' },
    { time, type: 'log', message: 'what was asked for' },
    { time, type: 'log', message: 'a text' },
    { time, type: 'warning', message: 'a' },
    { time, type: 'warning', message: 'b' },
  ]);
});
