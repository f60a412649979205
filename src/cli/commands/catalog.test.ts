import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { imageOf } from '../../../test/conformance/samples.ts';
import { countOf, seeded } from '../../../test/quirks/client.ts';
import { profile, type ProfileName } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../../../test/simulated-registry/simulate.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';

const names = ['app', 'base/alpine', 'team/a', 'team/b/web', 'zoo'];

describe('crane catalog', () => {
  it('prints what it has always printed without further flags', async () => {
    await using registry = await filled();
    expect(await catalog(registry.host)).toMatchObject({ code: 0, stdout: text(names), stderr: '' });
    expect(await catalog('--full-ref', registry.host)).toMatchObject({
      stdout: text(names.map((name) => `${registry.host}/${name}`)),
    });
  });

  it('asks for as many as are wanted, and for no further page', async () => {
    await using registry = await filled();
    expect(await catalog('--limit', '2', registry.host)).toMatchObject({ stdout: text(names.slice(0, 2)) });
    expect(registry.requests.map(({ query }) => query.get('n'))).toEqual(['2']);
    registry.quirks.tags = { maxN: 2 };
    expect(await catalog('--limit', '1', '--include', 'base/*', registry.host)).toMatchObject({
      stdout: 'base/alpine\n',
    });
    expect(countOf(registry, 'GET', '_catalog')).toBe(2);
  });

  it('takes globs, in which two stars also stand for slashes', async () => {
    await using registry = await filled();
    expect(await catalog('--include', 'team/*', registry.host)).toMatchObject({ stdout: 'team/a\n' });
    expect(await catalog('--include', 'team/**', '--exclude', '**/web', registry.host)).toMatchObject({
      stdout: 'team/a\n',
    });
  });

  it('sorts by name, and reverses', async () => {
    await using registry = await filled();
    registry.quirks.tags = { order: 'random' };
    expect(await catalog('--sort', 'name', registry.host)).toMatchObject({ stdout: text(names) });
    expect(await catalog('--sort', 'name', '--reverse', '--limit', '2', registry.host)).toMatchObject({
      stdout: 'zoo\nteam/b/web\n',
    });
  });

  it('prints one JSON array', async () => {
    await using registry = await filled();
    const { stdout } = await catalog('--json', registry.host);
    expect(JSON.parse(stdout)).toEqual(
      names.map((repository) => ({ repository, reference: `${registry.host}/${repository}` })),
    );
  });

  it.each([
    [['--sort', 'semver'], 'repositories have no versions and no times'],
    [['--include', 'semver:>1'], 'repositories have no versions'],
    [['--limit=-2'], 'cannot be below zero'],
  ])('refuses %j before anything is asked', async (flags, words) => {
    await using registry = await simulateRegistry();
    expect(await catalog(...flags, registry.host)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(words) as string,
    });
    expect(registry.requests).toEqual([]);
  });

  it.each(['dockerhub', 'ghcr', 'ecrPublic', 'harbor', 'gitlab'] as const satisfies readonly ProfileName[])(
    'says of a registry like %s that it does not list its repositories, and what to do (Q-65)',
    async (name) => {
      await using registry = await simulateRegistry(profile(name));
      const result = await catalog('--insecure', registry.host);
      expect(result).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr).toContain('crane ls');
    },
  );
});

async function filled(): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry();
  for (const name of names) await seeded(registry, imageOf('listed'), 'v1', name);
  registry.requests.length = 0;
  return registry;
}

function catalog(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(['catalog', ...args], { home: tmpdir() });
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
