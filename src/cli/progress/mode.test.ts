import { expect, it } from 'vitest';
import { progressModeFor } from './mode.ts';

const write = async (): Promise<void> => {};
const terminal = { isTTY: true, write };
const pipe = { isTTY: false, write };

it.each([
  ['bars on a terminal', 'auto', false, terminal, {}, 'bars'],
  ['lines on a terminal that cannot move its cursor', 'auto', false, terminal, { TERM: 'dumb' }, 'plain'],
  ['lines where a service keeps the log', 'auto', false, terminal, { CI: 'true' }, 'plain'],
  ['bars where CI is set to nothing', 'auto', false, terminal, { CI: '' }, 'bars'],
  ['nothing without a terminal', 'auto', false, pipe, {}, 'none'],
  ['nothing when quiet', 'auto', true, terminal, {}, 'none'],
  ['lines where bars are wanted and there is no terminal', 'bars', false, pipe, {}, 'plain'],
  ['what was asked for, also when quiet', 'json', true, pipe, {}, 'json'],
  ['what was asked for, also in a service', 'plain', false, terminal, { CI: '1' }, 'plain'],
  ['nothing when that was asked for', 'none', false, terminal, {}, 'none'],
] as const)('shows %s', (_title, asked, quiet, stderr, env, mode) => {
  expect(progressModeFor(asked, quiet, { stderr, env })).toBe(mode);
});
