import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { imageOf, indexOfImages, pushImage, type SampleImage } from '../../../test/conformance/samples.ts';
import { countOf, seeded, storeOf } from '../../../test/quirks/client.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { gcraneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';

const day = 24 * 3600_000;
const [tagged, old, child, orphan] = [imageOf('tagged'), imageOf('old'), imageOf('child'), imageOf('orphan')];
const index = indexOfImages([child]);
const deadIndex = indexOfImages([orphan, child]);
const signature = imageOf('signature', { subject: tagged.target });
const deadSignature = imageOf('dead signature', { subject: old.target });
const untagged = [old, child, orphan, deadIndex, signature, deadSignature];

describe('gcrane gc', () => {
  it('lists all manifests without a tag, in the order of their digests, and deletes none', async () => {
    await using registry = await filled();
    const result = await gc(registry.host, 'app');
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: lines(registry, 'app', untagged) });
    expect(countOf(registry, 'DELETE', '')).toBe(0);
    expect(registry.log).toEqual(['GET /v2/app/tags/list?n=1000']);
  });

  it('looks with -r into what lies below', async () => {
    await using registry = await filled();
    await pushImage(await registry.content('app/web'), old);
    const { stdout } = await gc(registry.host, '-r', 'app');
    expect(stdout).toBe(lines(registry, 'app', untagged) + lines(registry, 'app/web', [old]));
  });

  it('goes on with -r behind what may not be read, and fails at the end, but ends a deletion', async () => {
    await using registry = await filled();
    for (const name of ['app/closed', 'app/web']) await pushImage(await registry.content(name), old);
    registry.fault = ({ path }) => (path.includes('app/closed/tags') ? 403 : undefined);
    const result = await gc(registry.host, '-r', 'app');
    expect(result).toMatchObject({
      code: 1,
      stdout: lines(registry, 'app', untagged) + lines(registry, 'app/web', [old]),
      stderr: expect.stringContaining('Error: not everything could be cleaned up; 1 failed:') as string,
    });
    const deletion = await gc(registry.host, '-r', '--delete', 'app');
    expect(deletion).toMatchObject({ code: 1, stdout: expect.not.stringContaining('app/web@') as string });
  });

  it('looks with filters only into what they let through, and keeps all the same what stays needs', async () => {
    await using registry = await filled();
    await pushImage(await registry.content('app/web'), old);
    await pushImage(await registry.content('app/base/os'), old);
    const flags = ['-r', '--exclude', 'base/**', '--exclude', '.'];
    expect((await gc(registry.host, ...flags, 'app')).stdout).toBe(lines(registry, 'app/web', [old]));
    expect((await gc(registry.host, '-r', '--include', '.', '--dry-run', 'app')).stderr).toContain(
      'Would delete 4 manifests of 1 repository; 2 without a tag stay',
    );
    for (const [args, message] of [
      [['-r', '--include', ':v*'], '":v*" chooses tags, and what is cleaned up has none'],
      [['--include', 'web'], '--include goes with --recursive'],
    ] as const) {
      expect(await gc(registry.host, ...args, 'app')).toMatchObject({ code: 1, stderr: `Error: ${message}\n` });
    }
  });

  it('shows with --dry-run what nothing needs that stays: neither images of an index nor signatures', async () => {
    await using registry = await filled();
    const { code, stdout, stderr } = await gc(registry.host, '--dry-run', 'app');
    expect(code).toBe(0);
    expect(sorted(stdout)).toBe(lines(registry, 'app', [old, orphan, deadIndex, deadSignature]));
    expect(stderr).toContain('Would delete 4 manifests of 1 repository; 2 without a tag stay');
    expect(countOf(registry, 'DELETE', '')).toBe(0);
  });

  it('deletes these with --delete, what names others first, as the registry wants it', async () => {
    await using registry = await filled();
    const { code, stdout, stderr } = await gc(registry.host, '--delete', 'app');
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Deleted 4 manifests') as string,
    });
    expect(sorted(stdout)).toBe(lines(registry, 'app', [old, orphan, deadIndex, deadSignature]));
    const left = (await storeOf(registry).list()).manifests;
    expect(Array.from(left.keys())).toEqual(
      [tagged, index, child, signature].map(({ target }) => target.digest).toSorted(),
    );
  });

  it('keeps what came later than --older-than, and what that needs', async () => {
    const clock = { now: 0 };
    await using registry = await filled({ now: () => clock.now });
    await storeOf(registry).list();
    clock.now = 10 * day;
    const fresh = imageOf('fresh');
    const freshIndex = indexOfImages([old]);
    await pushImage(await registry.content('app'), fresh);
    await pushImage(await registry.content('app'), freshIndex);
    const { stdout } = await gc(registry.host, '--delete', '--older-than', '5d', 'app');
    expect(sorted(stdout)).toBe(lines(registry, 'app', [orphan, deadIndex]));
    const all = await gc(registry.host, '--older-than=240h', 'app');
    expect(all.stdout).not.toContain(fresh.target.digest);
  });

  it('leaves out what is smaller than --min-size', async () => {
    await using registry = await filled();
    expect((await gc(registry.host, '--min-size', '1kB', 'app')).stdout).toBe('');
    expect((await gc(registry.host, '--min-size', '1', 'app')).stdout).toBe(lines(registry, 'app', untagged));
  });

  it.each([
    ['--older-than', '5 days'],
    ['--older-than', ''],
    ['--min-size', 'large'],
    ['--min-size', '-1'],
    ['--min-size', '5iB'],
  ])('refuses %s %j', async (flag, value) => {
    expect(await gc('example.com', `${flag}=${value}`, 'app')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`for "${flag}" flag`) as string,
    });
  });

  it('says of other registries that they do not tell, where gcrane prints nothing', async () => {
    await using registry = await simulateRegistry();
    await seeded(registry, tagged);
    for (const args of [[], ['-r'], ['--delete']]) {
      expect(await gc(registry.host, ...args, 'app')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('does not tell which manifests') as string,
      });
    }
  });

  it('deletes nothing where it cannot read what stays', async () => {
    await using registry = await filled();
    registry.fault = ({ path }) => (path.endsWith(index.target.digest) ? 418 : undefined);
    expect(await gc(registry.host, '--delete', 'app')).toMatchObject({ code: 1 });
    expect(countOf(registry, 'DELETE', '')).toBe(0);
  });

  it('goes on with --keep-going when one is not deleted, and fails at the end', async () => {
    await using registry = await filled();
    registry.fault = ({ method, path }) => (method === 'DELETE' && path.endsWith(old.target.digest) ? 418 : undefined);
    const { code, stderr } = await gc(registry.host, '--delete', '--keep-going', 'app');
    expect(code).toBe(1);
    expect(stderr).toContain('Deleted 3 manifests');
    expect(stderr).toMatch(/Error: not everything could be cleaned up; 1 failed:\n {2}\S+@sha256:/);
  });
});

async function filled(options: { readonly now?: () => number } = {}): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry({
    ...profile('gar'),
    challenge: undefined,
    anonymous: { pull: ['*'], push: ['*'], delete: ['*'] },
    ...options,
  });
  await seeded(registry, tagged, 'v1');
  const content = await registry.content('app');
  for (const image of untagged) await pushImage(content, image);
  await pushImage(content, index, 'multi');
  return registry;
}

function lines({ host }: SimulatedRegistry, name: string, images: readonly SampleImage[]): string {
  return sorted(images.map(({ target }) => `${host}/${name}@${target.digest}\n`).join(''));
}

function sorted(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .toSorted()
    .map((line) => `${line}\n`)
    .join('');
}

function gc(host: string, ...args: readonly string[]): Promise<InProcessResult> {
  const name = args.at(-1) ?? '';
  return gcraneInProcess(['gc', ...args.slice(0, -1), `${host}/${name}`], { home: tmpdir(), now: 10 * day });
}
