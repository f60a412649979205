import { describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { profile } from '../../../test/simulated-registry/profiles.ts';
import {
  type SimulatedRegistry,
  type SimulateOptions,
  simulateRegistry,
} from '../../../test/simulated-registry/simulate.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { indexOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { hexOf } from '../../oci/digest.ts';
import { canDelete, canListTags } from '../../store/capabilities.ts';

// crane-cli reference, section 9.8; demand-and-quirks reference, Q-70.

const image = imageOf('first');
const other = imageOf('second');
const signature = imageOf('signature', { artifactType: 'application/x.seal', subject: image.target });
const index = indexOf({ 'linux/amd64': image, 'linux/arm64': other });
const { digest } = image.target;
const digestTag = `sha256-${hexOf(digest)}.sig`;

describe('crane delete', () => {
  it('deletes a tag, prints nothing, and asks for nothing else', async () => {
    await using registry = await seeded();
    expect(await crane('delete', `${registry.host}/app:v1`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /v2/app/manifests/v1']);
    expect(await tagsOf(registry)).toEqual(['all', 'latest', 'other', digestTag]);
    expect(await crane('delete', `${registry.host}/app`)).toMatchObject({ code: 0 });
    expect(await tagsOf(registry)).toEqual(['all', 'other', digestTag]);
  });

  it('deletes a manifest with its tags, and says on standard error what else was lost', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    const { code, stdout, stderr } = await crane('delete', `${name}@${digest}`);
    expect([code, stdout]).toEqual([0, '']);
    expect(await tagsOf(registry)).toEqual(['all', 'other', digestTag]);
    expect(stderr).toContain(` Deleted with ${name}@${digest} were its tags: latest, v1\n`);
    expect(stderr).toContain(
      ` What was attached to it stays, and is of no use any more: ${signature.target.digest} (application/x.seal), ${digestTag}\n`,
    );
    expect(stderr).toContain(`[WARNING]: ${name}:all is incomplete now: it lists ${digest}, which was deleted\n`);
  });

  it('asks for nothing that it would not tell', async () => {
    await using registry = await seeded();
    expect(await crane('-q', 'delete', `${registry.host}/app@${digest}`)).toMatchObject({ code: 0, stderr: '' });
    expect(registry.requests.map(({ method }) => method)).toEqual(['GET', 'DELETE']);
  });

  it('does not ask for each of many tags only to tell what was lost', async () => {
    await using registry = await seeded();
    const content = await registry.content('app');
    for (let i = 0; i < 120; i++) await content.tag(other.target, `build-${i}`);
    const { code, stderr } = await crane('delete', `${registry.host}/app@${digest}`);
    expect([code, registry.requests.filter(({ method }) => method === 'HEAD').length]).toEqual([0, 1]);
    expect(stderr).toContain('Which tags and indexes it had was not found out: 125 tags are too many to ask for each');
  });

  it.each([
    [['--tag-only', '--by-digest', 'a:b'], '--tag-only and --by-digest exclude each other'],
    [['--tag-only', `a@${digest}`], `--tag-only needs a tag, and "a@${digest}" has a digest only`],
    [['--all-tags', 'a:b'], '--all-tags goes with --by-digest or a digest, and "a:b" has none'],
  ])('refuses %j', async (args, message) => {
    expect(await crane('delete', ...args)).toEqual({ code: 1, stdout: '', stderr: `Error: ${message}\n` });
  });

  it('reads all arguments before it deletes anything', async () => {
    await using registry = await seeded();
    const { code, stderr } = await crane('delete', `${registry.host}/app:v1`, 'no//image');
    expect([code, registry.requests]).toEqual([1, []]);
    expect(stderr).toContain('Invalid reference "no//image"');
  });
});

describe('crane delete --dry-run', () => {
  it('prints what would be deleted, incomplete and of no use, and changes nothing', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    const { code, stdout, stderr } = await crane('delete', '--dry-run', `${name}@${digest}`, `${name}:other`);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(
      [
        `delete  ${name}@${digest}`,
        `delete  ${name}:latest`,
        `delete  ${name}:v1`,
        `break   ${name}:all (the index ${index.target.digest} lists it)`,
        `orphan  ${name}@${signature.target.digest} (application/x.seal)`,
        `orphan  ${name}:${digestTag}`,
        `delete  ${name}:other`,
        `keep    ${name}@${other.target.digest}\n`,
      ].join('\n'),
    );
    expect(registry.requests.every(({ method }) => method === 'GET' || method === 'HEAD')).toBe(true);
  });

  it('asks Google once for all tags', async () => {
    await using registry = await seeded({ tags: { google: true } });
    const name = `${registry.host}/app`;
    const { stdout } = await crane('delete', '--dry-run', `${name}@${digest}`);
    expect(stdout).toContain(`delete  ${name}:latest\ndelete  ${name}:v1\nbreak   ${name}:all`);
    expect(registry.requests.filter(({ method, path }) => method === 'HEAD' && !path.includes(digest))).toEqual([]);
  });

  it('is refused where the deletion would be, and tells of what is not there', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    expect((await crane('delete', '--dry-run', '--by-digest', `${name}:v1`)).stderr).toContain('ther tags name');
    expect((await crane('delete', '--dry-run', `${name}:none`)).code).toBe(1);
    expect(await crane('delete', '--dry-run', '--ignore-missing', `${name}:none`)).toMatchObject({
      code: 0,
      stdout: `missing ${name}:none\n`,
    });
  });
});

describe('crane delete --by-digest', () => {
  it('deletes what a tag names when no other tag does', async () => {
    await using registry = await seeded({ del: { tag: 405 } });
    const name = `${registry.host}/app`;
    const { code, stderr } = await crane('delete', '--by-digest', `${name}:v1`);
    expect(code).toBe(1);
    expect(stderr).toContain(`other tags name ${name}@${digest}, too, and would be deleted with it: latest\n`);
    expect(stderr).toContain('--all-tags');
    expect(await tagsOf(registry)).toContain('v1');
    expect(await crane('delete', '--by-digest', `${name}:other`)).toMatchObject({ code: 0 });
    expect(await crane('delete', '--by-digest', '--all-tags', `${name}:v1`)).toMatchObject({ code: 0 });
    expect(await tagsOf(registry)).toEqual(['all', digestTag]);
  });

  it('is refused where nobody can say which tags there are', async () => {
    await using registry = await seeded();
    registry.fault = ({ path }) => (path.endsWith('/tags/list') ? 403 : undefined);
    const name = `${registry.host}/app`;
    const { code, stderr } = await crane('delete', '--by-digest', `${name}:other`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot be found out: Could not list the tags')]);
    expect(await tagsOf(registry)).toContain('other');
    expect(await crane('delete', '--by-digest', '--all-tags', `${name}:other`)).toMatchObject({ code: 0 });
  });

  it('deletes the tags first where the registry wants that, and when that was said', async () => {
    await using registry = await seeded({ del: profile('gar').del, tags: { google: true } });
    const content = await registry.content('app');
    const name = `${registry.host}/app`;
    const { code, stderr } = await crane('delete', `${name}@${digest}`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('An index lists it: delete that first')]);
    if (canDelete(content)) await content.deleteManifest(index.target.digest);
    const again = await crane('delete', `${name}@${digest}`);
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('--all-tags to have its tags deleted first: latest, v1'),
    ]);
    expect(await tagsOf(registry)).toEqual(['latest', 'other', digestTag, 'v1']);
    expect(await crane('delete', '--all-tags', `${name}@${digest}`)).toMatchObject({ code: 0 });
    expect(await tagsOf(registry)).toEqual(['other', digestTag]);
  });
});

describe('crane delete --tag-only', () => {
  it('leaves the manifest, also where the registry deletes no tags', async () => {
    await using registry = await seeded(profile('acr'));
    const name = `${registry.host}/app`;
    const refused = await crane('delete', `${name}:v1`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--tag-only');
    expect(refused.stderr).toContain('--by-digest');
    const { code, stdout, stderr } = await crane('delete', '--tag-only', `${name}:v1`);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toContain(`${name}:v1 was deleted by way of another image: this registry deletes no tags`);
    expect(await tagsOf(registry)).toEqual(['all', 'latest', 'other', digestTag]);
    expect(await (await registry.content('app')).resolve('latest')).toEqual(image.target);
  });

  it('deletes a tag that names the digest that was said, and no other', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    const { code, stderr } = await crane('delete', '--tag-only', `${name}:v1@${other.target.digest}`);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${name}:v1 names ${digest}, and not ${other.target.digest}: nothing was deleted`),
    ]);
    expect(await crane('delete', '--tag-only', `${name}:v1@${digest}`)).toMatchObject({ code: 0 });
    expect(await tagsOf(registry)).toEqual(['all', 'latest', 'other', digestTag]);
  });

  it('fails where the registry deletes nothing at all, and the tag is as it was', async () => {
    for (const known of ['distribution2', 'redhat', 'ghcr'] as const) {
      const { del } = profile(known);
      await using registry = await seeded({ del });
      const { code, stderr } = await crane('delete', '--tag-only', `${registry.host}/app:v1`);
      expect([code, stderr]).toEqual([1, expect.stringContaining('it is as it was')]);
      expect(await (await registry.content('app')).resolve('v1')).toEqual(image.target);
    }
  });
});

describe('crane delete of several', () => {
  it('ends with the first failure, or goes on when told to', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    expect((await crane('delete', `${name}:none`, `${name}:v1`)).code).toBe(1);
    expect(await tagsOf(registry)).toContain('v1');
    const { code, stderr } = await crane('delete', '--keep-going', `${name}:none`, `${name}:v1`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: Could not delete tag "none" .*\n.*\nError: 1 of 2 could not be deleted\n$/);
    expect(await tagsOf(registry)).not.toContain('v1');
  });

  it('takes what is not there for done when told to', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    const missing = [`${name}:none`, `${name}@${imageOf('none').target.digest}`, `${registry.host}/nowhere:v1`];
    const { code, stderr } = await crane('delete', '--ignore-missing', ...missing, `${name}:v1`);
    expect(code).toBe(0);
    for (const one of missing) expect(stderr).toContain(` ${one} is not there\n`);
    expect(await tagsOf(registry)).not.toContain('v1');
    expect((await crane('delete', '--ignore-missing', '--by-digest', ...missing)).code).toBe(0);
    expect((await crane('delete', '--ignore-missing', '--tag-only', `${name}:none`)).code).toBe(0);
  });

  it('takes it for done where the registry deletes no tags, and says so of those that are not there, too', async () => {
    await using registry = await seeded({ del: { tag: 400 } });
    const name = `${registry.host}/app`;
    const missing = [`${name}:none`, `${registry.host}/nowhere:v1`];
    expect((await crane('delete', '--ignore-missing', ...missing)).code).toBe(0);
    const { code, stderr } = await crane('delete', '--ignore-missing', `${name}:v1`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('--tag-only takes the tag alone away')]);
    expect(await tagsOf(registry)).toContain('v1');
  });

  it('does not take a refusal for a sign that nothing is there', async () => {
    await using registry = await seeded({ del: { tag: 404 } });
    expect((await crane('delete', '--ignore-missing', `${registry.host}/app:v1`)).code).toBe(1);
  });

  it('tells in JSON what was deleted, what was lost, and what failed', async () => {
    await using registry = await seeded();
    const name = `${registry.host}/app`;
    const args = ['--json', '--keep-going', '--ignore-missing', `${name}:other`, `${name}:none`, `${name}@${digest}`];
    registry.fault = ({ path }) => (path.includes('/broken/') ? 400 : undefined);
    const { code, stdout } = await crane('delete', ...args, `${registry.host}/broken:v1`);
    expect([code, stdout.endsWith(']\n')]).toEqual([1, true]);
    expect(JSON.parse(stdout)).toEqual([
      { image: `${name}:other`, repository: name, status: 'deleted', deletes: 'tag', via: 'tag', tags: ['other'] },
      { image: `${name}:none`, repository: name, status: 'missing' },
      {
        image: `${name}@${digest}`,
        repository: name,
        status: 'deleted',
        deletes: 'manifest',
        digest,
        mediaType: image.target.mediaType,
        tags: ['latest', 'v1'],
        indexes: [{ digest: index.target.digest, tags: ['all'] }],
        referrers: [
          {
            digest: signature.target.digest,
            mediaType: signature.target.mediaType,
            artifactType: 'application/x.seal',
          },
        ],
        digestTags: [digestTag],
      },
      {
        image: `${registry.host}/broken:v1`,
        repository: `${registry.host}/broken`,
        status: 'failed',
        error: expect.stringContaining('400 Bad Request'),
      },
    ]);
  });
});

it('an index of a layout that has no tag is told to be incomplete', async () => {
  const layout = `oci:${await testDirectory()}/layout`;
  await using registry = await seeded();
  const name = `${registry.host}/app`;
  expect(await crane('pull', `${name}:all`, layout)).toMatchObject({ code: 0 });
  expect(await crane('copy', `${name}:v1`, `${layout}:v1`)).toMatchObject({ code: 0 });
  const whole = `${layout}@${index.target.digest}`;
  expect((await crane('delete', '--dry-run', `${layout}@${digest}`)).stdout).toContain(
    `\nbreak   ${whole} (the index lists it)\n`,
  );
  const { code, stderr } = await crane('delete', '--by-digest', `${layout}:v1`);
  expect(code).toBe(0);
  expect(stderr).toContain(`[WARNING]: ${whole} is incomplete now: it lists ${digest}, which was deleted\n`);
});

it('a layout without a tag or digest is refused, before anything is deleted', async () => {
  const layout = `oci:${await testDirectory()}/layout`;
  await using registry = await seeded();
  expect(await crane('copy', `${registry.host}/app:v1`, `${layout}:latest`)).toMatchObject({ code: 0 });
  expect(await crane('delete', `${layout}:latest`, layout)).toEqual({
    code: 1,
    stdout: '',
    stderr: `Error: "${layout}" names a layout, where one image of it is meant\n  Write ${layout}:TAG or ${layout}@DIGEST\n`,
  });
  expect((await crane('ls', layout)).stdout).toBe('latest\n');
});

it('a layout is deleted from as a registry is', async () => {
  const layout = `oci:${await testDirectory()}/layout`;
  await using registry = await seeded();
  const name = `${registry.host}/app`;
  expect(await crane('copy', '-a', '--referrers', name, layout)).toMatchObject({ code: 0 });
  const { stdout } = await crane('delete', '--dry-run', '--by-digest', '--all-tags', `${layout}:v1`);
  expect(stdout.split('\n').filter((line) => !line.startsWith('orphan'))).toEqual([
    `delete  ${layout}@${digest}`,
    `delete  ${layout}:latest`,
    `delete  ${layout}:v1`,
    `break   ${layout}:all (the index ${index.target.digest} lists it)`,
    '',
  ]);
  expect(stdout).toContain(`orphan  ${layout}@${signature.target.digest} (application/x.seal)`);
  expect((await crane('delete', '--by-digest', `${layout}:v1`)).stderr).toContain('ther tags name');
  expect(await crane('delete', '--tag-only', `${layout}:v1`)).toMatchObject({ code: 0, stdout: '' });
  expect(await crane('delete', '--by-digest', `${layout}:latest`)).toMatchObject({ code: 0, stdout: '' });
  expect((await crane('ls', layout)).stdout.split('\n')).toEqual(
    expect.not.arrayContaining(['v1', 'latest']) as string[],
  );
});

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere' });
}

async function seeded(options: SimulateOptions = {}): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry(options);
  const content = await registry.content('app');
  await pushImage(content, image, 'v1');
  await pushImage(content, other, 'other');
  await pushImage(content, imageOf('cosign'), digestTag);
  await pushImage(content, signature);
  await content.tag(image.target, 'latest');
  await content.push(index.target, index.bytes);
  await content.tag(index.target, 'all');
  return registry;
}

async function tagsOf(registry: SimulatedRegistry): Promise<readonly string[]> {
  const found: string[] = [];
  const content = await registry.content('app');
  if (canListTags(content)) for await (const page of content.tags()) found.push(...page);
  return found;
}
