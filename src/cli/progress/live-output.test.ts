import { expect, it } from 'vitest';
import { FakeTerminal } from '../../../test/support/fake-terminal.ts';
import { LiveOutput } from './live-output.ts';

it('leaves frames out while the terminal is slow, but neither lines that stay nor the end', async () => {
  let finish = (): void => {};
  const terminal = new FakeTerminal();
  const slow = {
    isTTY: true,
    write: async (chunk: string | Uint8Array): Promise<void> => {
      await terminal.write(chunk);
      await new Promise<void>((resolve) => (finish = resolve));
    },
  };
  const output = new LiveOutput(slow);
  output.show(['one']);
  output.show(['two']);
  expect(terminal.lines).toEqual(['one']);
  output.print('stays\n');
  expect(terminal.lines).toEqual(['stays', 'one']);
  output.show([]);
  expect(terminal.lines).toEqual(['stays']);
  finish();
});

it('does not write what is shown already', () => {
  const terminal = new FakeTerminal();
  const output = new LiveOutput({ isTTY: true, write: (chunk) => terminal.write(chunk) });
  output.show([]);
  expect(terminal.raw).toBe('');
});

it('goes on when nobody reads any more', async () => {
  const output = new LiveOutput({ isTTY: true, write: () => Promise.reject(new Error('EPIPE')) });
  output.print('lost\n');
  output.show(['lost']);
  await new Promise(setImmediate);
});
