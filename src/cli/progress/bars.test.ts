import { afterEach, describe, expect, it } from 'vitest';
import { FakeTerminal } from '../../../test/support/fake-terminal.ts';
import { digestOf } from '../../content/hash.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import type { ProgressEvent } from '../../store/progress.ts';
import { Bars } from './bars.ts';
import { LiveOutput } from './live-output.ts';

const open: Bars[] = [];

afterEach(() => {
  for (const bars of open.splice(0)) bars.end();
});

function setUp(terminal = new FakeTerminal()): {
  readonly terminal: FakeTerminal;
  readonly output: LiveOutput;
  readonly bars: Bars;
  /** Events, then a frame, `later` milliseconds after the last one. */
  readonly show: (events: readonly ProgressEvent[], later?: number) => Promise<readonly string[]>;
} {
  let now = 1000;
  const output = new LiveOutput(terminal);
  const bars = new Bars({ output, clock: () => now });
  open.push(bars);
  const show = async (events: readonly ProgressEvent[], later = 0): Promise<readonly string[]> => {
    now += later;
    for (const event of events) bars.event(event);
    bars.draw();
    // A frame is left out while the one before is being written.
    await Promise.resolve();
    await new Promise(setImmediate);
    return terminal.lines;
  };
  return { terminal, output, bars, show };
}

function blob(name: string, size: number, mediaType: string = mediaTypes.ociLayerGzip): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(name)), size };
}

function nameOf({ digest }: Descriptor): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

describe('bars', () => {
  it('show each blob with its kind, bytes, rate and time left, and all of them together', async () => {
    const { show } = setUp();
    const layer = blob('layer', 100_000_000);
    const config = blob('config', 7000, mediaTypes.ociConfig);
    await show([
      { type: 'queued', target: layer },
      { type: 'queued', target: config },
      { type: 'start', target: layer, offset: 0 },
      { type: 'chunk', target: layer, bytes: 20_000_000 },
    ]);
    const lines = await show([{ type: 'chunk', target: layer, bytes: 20_000_000 }], 2000);
    expect(lines).toEqual([
      `${nameOf(layer)} layer  [===>       ] 40.0 MB of 100 MB  20.0 MB/s  3s`,
      `${nameOf(config)} config [           ]  7.0 kB  waiting`,
      '0 of 2 blobs, 40.0 MB of 100 MB, 20.0 MB/s, 4s left',
    ]);
  });

  it('leave the last column of a narrow terminal free, and let the process end', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const { show, terminal } = setUp(new FakeTerminal(24));
    await show([{ type: 'queued', target: blob('layer', 1_000_000_000) }]);
    expect(timers()).toBe(before);
    // oxlint-disable-next-line no-control-regex -- what moves the cursor
    const text = terminal.raw.replaceAll(/\u001b\[\d*[A-Z]/g, '');
    const lines = text.split('\n');
    expect(lines.map(({ length }) => length)).toEqual([23, 23, 0]);
  });

  it('count content that turns out not to be there as one more', async () => {
    const { show, bars, terminal } = setUp();
    const layer = blob('layer', 1000);
    const lines = await show([
      { type: 'queued', target: layer },
      { type: 'skip', target: layer, reason: 'exists' },
      { type: 'start', target: layer, offset: 0 },
      { type: 'chunk', target: layer, bytes: 500 },
    ]);
    expect(lines.at(-1)).toBe('1 of 2 blobs, 500 B of 1.0 kB; 1 existed');
    await show([
      { type: 'chunk', target: layer, bytes: 500 },
      { type: 'finish', target: layer },
    ]);
    bars.end();
    expect(terminal.lines.at(-1)).toMatch(/^1 blob, 1\.0 kB in .*; 1 existed$/);
  });

  it('say what became of each blob', async () => {
    const { show } = setUp(new FakeTerminal(120));
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => blob(name, 1000));
    if (!a || !b || !c || !d || !e) throw new Error('unreachable');
    await show([a, b, c, d, e].map((target) => ({ type: 'queued', target })));
    const lines = await show(
      [
        { type: 'skip', target: a, reason: 'exists' },
        { type: 'skip', target: b, reason: 'mounted' },
        { type: 'start', target: c, offset: 0 },
        { type: 'chunk', target: c, bytes: 500 },
        { type: 'retry', target: c, attempt: 1, delayMs: 4500, message: 'reset' },
        { type: 'start', target: d, offset: 0 },
        { type: 'chunk', target: d, bytes: 1000 },
        { type: 'commit', target: d },
        { type: 'start', target: e, offset: 0 },
        { type: 'chunk', target: e, bytes: 1000 },
        { type: 'finish', target: e },
      ],
      100,
    );
    const words = lines.map((line) => line.replaceAll(/^\S+ layer +|\[.*\]|\s+/g, ' ').trim());
    expect(words).toEqual([
      '1.0 kB exists',
      '1.0 kB mounted',
      '500 B of 1.0 kB retrying in 5s',
      '1.0 kB of 1.0 kB committing',
      '1.0 kB done in 0.0s',
      '3 of 5 blobs, 2.5 kB of 3.0 kB; 1 existed, 1 mounted',
    ]);
  });

  it('count a part that is sent again once, and go on where the transfer went on', async () => {
    const { show } = setUp();
    const layer = blob('layer', 1000);
    const lines = await show([
      { type: 'queued', target: layer },
      { type: 'start', target: layer, offset: 0 },
      { type: 'chunk', target: layer, bytes: 900 },
      { type: 'start', target: layer, offset: 600 },
      { type: 'chunk', target: layer, bytes: 100 },
    ]);
    expect(lines.at(-1)).toBe('0 of 1 blob, 700 B of 1.0 kB');
  });

  it('never fill the screen: of thousands of blobs only those that move are shown', async () => {
    const { terminal, show, bars } = setUp(new FakeTerminal(80, 12));
    const blobs = Array.from({ length: 2000 }, (_, i) => blob(`${i}`, 1000));
    await show(blobs.map((target) => ({ type: 'queued', target })));
    for (const target of blobs.slice(0, 30)) await show([{ type: 'start', target, offset: 0 }], 100);
    expect(terminal.lines).toHaveLength(9);
    expect(terminal.lines.at(-1)).toContain('0 of 2000 blobs, 0 B of 2.0 MB');
    await show(blobs.map((target) => ({ type: 'finish', target })));
    expect(terminal.lines).toEqual(['2000 of 2000 blobs, 2.0 MB of 2.0 MB']);
    bars.end();
    expect(terminal.lines).toEqual(['2000 blobs, 0 B in 3.0s']);
  });

  it('leave room for lines that stay, which appear above', async () => {
    const { terminal, show, output, bars } = setUp();
    const layer = blob('layer', 1000);
    await show([{ type: 'queued', target: layer }]);
    output.print('pushed something\n');
    await show([{ type: 'start', target: layer, offset: 0 }]);
    output.print('pushed more\nand more\n');
    expect(terminal.lines.slice(0, 3)).toEqual(['pushed something', 'pushed more', 'and more']);
    expect(terminal.lines).toHaveLength(5);
    await show([{ type: 'skip', target: layer, reason: 'exists' }]);
    bars.end();
    expect(terminal.lines).toEqual(['pushed something', 'pushed more', 'and more', '1 existed']);
  });

  it('follow the width of the terminal, and leave nothing behind when it becomes narrower', async () => {
    const { terminal, show } = setUp(new FakeTerminal(100));
    const layer = blob('layer', 1000);
    await show([
      { type: 'queued', target: layer },
      { type: 'start', target: layer, offset: 0 },
    ]);
    for (const columns of [60, 30, 90]) {
      terminal.resize(columns);
      const lines = await show([{ type: 'chunk', target: layer, bytes: 1 }]);
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line.length).toBeLessThan(columns);
    }
  });

  it('never hide the cursor, which rests below them: however the program ends, nothing has to be restored', async () => {
    const { terminal, show } = setUp();
    const layer = blob('layer', 1000);
    await show([{ type: 'queued', target: layer }]);
    await show([{ type: 'start', target: layer, offset: 0 }]);
    expect(terminal.cursor).toEqual([2, 0]);
    expect(terminal.raw).not.toMatch(/\[\?/);
  });

  it('say nothing of manifests, and nothing at all when no blob was looked at', async () => {
    const { terminal, show, bars } = setUp();
    const target = blob('manifest', 1000, mediaTypes.ociManifest);
    await show([
      { type: 'queued', target },
      { type: 'finish', target, tag: 'v1' },
    ]);
    bars.end();
    expect(terminal.raw).toBe('');
  });
});
