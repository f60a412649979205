import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { blobOf, imageOf, noise, pushImage, type Sample, type SampleImage } from '../conformance/samples.ts';
import type { Quirks } from '../simulated-registry/quirks.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { type CommandOptions, type RunningCommand, startCommand } from '../support/command.ts';
import { projectRoot } from '../support/paths.ts';
import { until } from '../support/until.ts';

/** In each repository. */
const images = 25;
/** Node alone takes about 45 MB. */
const maxMemory = 150 * 1024 * 1024;
const anonymous = { pull: ['*'], push: ['*'] };

const kinds = [
  ['registries of Google', { google: true }],
  ['other registries', {}],
] as const;

describe('gcrane copy -r', () => {
  it.each(kinds)(
    'copies 5,000 images in 200 repositories of %s in little memory',
    { timeout: 120_000 },
    async (_, tags) => {
      await using source = await filled(200, tags);
      await using target = await simulateRegistry({ tags, anonymous });
      const { code, stderr, peakMemory } = await copy(source, target).result;
      expect(code).toBe(0);
      expect(stderr).toContain('Copied 5000 images (5000 tags, 400 blobs, ');
      expect(peakMemory).toBeLessThan(maxMemory);
      expect(await missing(target, 200)).toEqual([]);

      target.requests.length = 0;
      const again = await copy(source, target).result;
      expect(again.stderr).toContain(
        'Copied 0 images (0 tags, 0 blobs, 0 bytes) of 200 repositories; 5000 there already',
      );
      expect(again.peakMemory).toBeLessThan(maxMemory);
      expect(target.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
    },
  );

  it.each(kinds)(
    'goes on where it was killed, between %s that fail now and then',
    { timeout: 60_000 },
    async (_, tags) => {
      const total = 40 * images;
      await using source = await filled(40, tags);
      await using target = await simulateRegistry({ tags, anonymous });
      const running = copy(source, target);
      await until(() => pushed(target) > total / 5);
      await running.stop('SIGKILL');
      expect(pushed(target)).toBeLessThan(total);

      let count = 0;
      // 429 and 503 by turns, once in a hundred requests.
      target.fault = () => (++count % 100 === 0 ? (count % 200 === 0 ? 429 : 503) : undefined);
      const { code, stderr } = await copy(source, target).result;
      expect({ code, end: stderr.trim().split('\n').at(-1) }).toMatchObject({ code: 0 });
      target.fault = undefined;
      expect(await missing(target, 40)).toEqual([]);
      // Those that were under way come again, and those whose answer was lost.
      expect(pushed(target)).toBeLessThan(total + 100);
    },
  );

  it.each(kinds)(
    'ends at once when it is interrupted between %s, says how far it got, and leaves no upload open',
    { timeout: 60_000 },
    async (_, tags) => {
      await using source = await simulateRegistry({ tags });
      await using target = await simulateRegistry({ tags, anonymous });
      for (let i = 0; i < 16; i++) {
        const layers = [1, 2].map((j) => blobOf(noise(2_000_000, 2 * i + j), mediaTypes.ociLayer));
        await pushImage(await source.content(nameOf(i)), imageWith(layers), 'v1');
      }
      const running = copy(source, target);
      await until(() => pushed(target) >= 3);
      const { code, signal, stderr } = await running.stop('SIGINT');
      expect([code, signal]).toEqual([1, null]);
      expect(stderr).toMatch(/Copied \d+ images? \(\d+ tags?, \d+ blobs?, \d+ bytes\) of \d+ repositor/);
      const sessions = target.requests.filter(({ path }) => path.includes('/blobs/uploads/'));
      const opened = sessions.filter(({ method, status }) => method === 'POST' && status === 202);
      const ended = sessions.filter(
        ({ method, status }) => (method === 'PUT' && status === 201) || method === 'DELETE',
      );
      expect(opened.length).toBeGreaterThan(0);
      // Some are cancelled whose last answer was on its way.
      expect(new Set(ended.map(({ path }) => path)).size).toBe(opened.length);

      expect(await copy(source, target).result).toMatchObject({ code: 0 });
      for (let i = 0; i < 16; i++) await (await target.content(nameOf(i, 'mirror'))).resolve('v1');
    },
  );
});

function copy(source: SimulatedRegistry, target: SimulatedRegistry, options: CommandOptions = {}): RunningCommand {
  const program = join(projectRoot, 'dist/cli/gcrane.js');
  if (!existsSync(program)) throw new Error('dist/cli/gcrane.js is not there; run `npm run build` first');
  const args = [program, 'copy', '-r', '-j', '16', `${source.host}/tree`, `${target.host}/mirror`];
  return startCommand(process.execPath, args, { timeout: 110_000, ...options });
}

/** Images of a repository share their blobs, as versions of one program do. */
async function filled(repositories: number, tags: Quirks['tags']): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({ tags });
  for (let i = 0; i < repositories; i++) {
    const content = await registry.content(nameOf(i));
    for (const { target, bytes } of imageOf(`in ${i}`).blobs) await content.push(target, bytes);
    for (let j = 0; j < images; j++) {
      const { target, bytes } = imageIn(i, j);
      await content.push(target, bytes);
      await content.tag(target, `v${j}`);
    }
  }
  return registry;
}

function nameOf(i: number, root = 'tree'): string {
  return i % 2 === 0 ? `${root}/team-${i % 10}/app-${i}` : `${root}/app-${i}`;
}

function imageIn(i: number, j: number): Sample {
  return imageOf(`in ${i}`, { annotations: { 'org.opencontainers.image.version': `v${j}` } });
}

function imageWith(layers: readonly Sample[]): SampleImage {
  const image = imageOf('large', { layers: layers.map(({ target }) => target) });
  return { ...image, blobs: [...image.blobs, ...layers] };
}

async function missing(registry: SimulatedRegistry, repositories: number): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (let i = 0; i < repositories; i++) {
    const content = await registry.content(nameOf(i, 'mirror'));
    for (let j = 0; j < images; j++) {
      const found = await content.resolve(`v${j}`).catch(() => undefined);
      if (found?.digest !== imageIn(i, j).target.digest) wrong.push(`${nameOf(i)}:v${j}`);
    }
  }
  return wrong;
}

function pushed({ requests }: SimulatedRegistry): number {
  return requests.filter(
    ({ method, path, status }) => method === 'PUT' && path.includes('/manifests/') && status === 201,
  ).length;
}
