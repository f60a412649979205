import { expect, it } from 'vitest';
import type { ProgressEvent } from '../../store/progress.ts';
import { createLog } from '../log.ts';
import { logCopy } from './log.ts';

it.each([true, false])('tells of a warning once, as an event among JSON objects (%s) or else at the end', (isJson) => {
  const warned: string[] = [];
  const events: ProgressEvent[] = [];
  const log = { ...createLog({} as never), warn: (message: string) => void warned.push(message) };
  const event = { type: 'warning', message: 'it is old' } as const;
  logCopy({ log, isJson, onProgress: (seen) => void events.push(seen) }, undefined)(event);
  expect(events).toEqual([event]);
  expect(warned).toEqual(isJson ? [] : ['it is old']);
});
