import { describe, expect, it } from 'vitest';
import { basedOn, stacked, stackedIndex } from '../../../test/support/based-images.ts';
import { entriesIn, imageRegistry } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';

const images = imageRegistry();

const base = (...args: readonly string[]): Promise<InProcessResult> =>
  craneInProcess(['base', ...args], { home: '/nowhere' });

const baseName = (): string => `${images.host}/base:1`;

async function putApp(annotations: Readonly<Record<string, string>>, layers = ['old', 'app']): Promise<string> {
  return images.put(await stacked(layers, { annotations }));
}

describe('crane base', () => {
  it('says that an image stands on the newest base, with two requests', async () => {
    const old = await stacked(['old']);
    await images.put(old, '1', 'base');
    const app = await putApp(basedOn(baseName(), old));
    images.requests.length = 0;
    const result = await base(app);
    expect(result).toEqual({ code: 0, stdout: `up to date ${baseName()}@${old.root.digest}\n`, stderr: '' });
    expect(images.requests).toEqual(['GET /v2/app/manifests/v1', 'HEAD /v2/base/manifests/1']);
  });

  it('says that there is a newer base, and ends with 1', async () => {
    const old = await stacked(['old']);
    const newer = await stacked(['new']);
    await images.put(newer, '1', 'base');
    const app = await putApp(basedOn(baseName(), old));
    expect(await base(app)).toEqual({
      code: 1,
      stdout: `outdated   ${baseName()}@${old.root.digest} -> ${newer.root.digest}\n`,
      stderr: '',
    });
  });

  it('agrees with crane rebase', async () => {
    const old = await stacked(['old']);
    await images.put(old, '0', 'base');
    await images.put(await stacked(['new']), '1', 'base');
    const app = await putApp(basedOn(baseName(), old));
    expect((await base(app)).code).toBe(1);
    expect((await craneInProcess(['rebase', app], { home: '/nowhere' })).code).toBe(0);
    expect((await base(app)).code).toBe(0);
  });

  it('looks at layers where the digest is missing, malformed or unknown', async () => {
    const old = await stacked(['old']);
    await images.put(old, '1', 'base');
    for (const digest of ['', 'garbage', `sha256:${'0'.repeat(64)}`]) {
      const annotations = {
        'org.opencontainers.image.base.name': baseName(),
        'org.opencontainers.image.base.digest': digest,
      };
      expect((await base(await putApp(annotations))).code, digest).toBe(0);
      expect((await base(await putApp(annotations, ['another', 'app']))).code, digest).toBe(1);
    }
  });

  it('knows the image of a platform in the base', async () => {
    const index = await stackedIndex(['old'], ['arm64', 'amd64']);
    await images.put(index, '1', 'base');
    const [, amd64] = await entriesIn(index);
    if (amd64 === undefined) throw new Error('The base is empty');
    // Its layers are others: the digest alone decides.
    const app = await putApp(basedOn(baseName(), { root: amd64 }));
    expect((await base(app)).code).toBe(0);
  });

  it('tells of each platform of an index, and of those that are chosen', async () => {
    const newer = await stackedIndex(['new'], ['amd64', 'arm64']);
    await images.put(newer, '1', 'base');
    const annotations = { 'org.opencontainers.image.base.name': baseName() };
    const mixed = await stackedIndex(['new', 'app'], ['amd64', 'arm64'], { index: { annotations } });
    const app = await images.put(mixed);
    expect(await base(app)).toMatchObject({
      code: 0,
      stdout: `up to date linux/amd64 ${baseName()}@${newer.root.digest}\nup to date linux/arm64 ${baseName()}@${newer.root.digest}\n`,
    });
    const one = await base('--platform', 'linux/arm64', app);
    expect(one.stdout).toBe(`up to date linux/arm64 ${baseName()}@${newer.root.digest}\n`);
  });

  it('compares with a base that is named, by layers', async () => {
    const old = await images.put(await stacked(['old']), '1', 'base');
    const newer = await images.put(await stacked(['new']), '2', 'base');
    const app = await putApp({});
    const digest = async (tag: string): Promise<string> => (await images.get(tag, 'base')).root.digest;
    expect(await base('--base', old, app)).toMatchObject({
      code: 0,
      stdout: `up to date ${old}@${await digest('1')}\n`,
    });
    const other = await base('--base', newer, app);
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(
      /^outdated {3}\S+\n {2}The image \S+ is not based on \S+: layer 1 of the base's 1 differs: /,
    );
  });

  it('prints JSON', async () => {
    const old = await stacked(['old']);
    await images.put(await stacked(['new']), '1', 'base');
    const app = await putApp(basedOn(baseName(), old));
    const { code, stdout } = await base('--json', app);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      image: app,
      digest: (await images.get()).root.digest,
      images: [
        {
          digest: (await images.get()).root.digest,
          status: 'outdated',
          base: { name: baseName(), digest: old.root.digest },
          newest: (await images.get('1', 'base')).root.digest,
          reason: expect.stringContaining('is not based on'),
        },
      ],
    });
  });

  it('ends with 2 where it cannot tell', async () => {
    const nothing = await base(await putApp({}));
    expect(nothing.code).toBe(2);
    expect(nothing.stdout).toBe('unknown\n');
    expect(nothing.stderr).toContain('does not say what its base is');
    const missing = { 'org.opencontainers.image.base.name': `${images.host}/none:1` };
    expect((await base(await putApp(missing))).code).toBe(2);
    expect((await base(await putApp({ 'org.opencontainers.image.base.name': 'oci:/etc' }))).stderr).toContain(
      'is malformed',
    );
    expect((await base(`${images.host}/none:1`)).code).toBe(2);
    const platform = await images.put(await stackedIndex(['old'], ['amd64']));
    expect((await base('--platform', 'linux/s390x', platform)).code).toBe(2);
  });

  it('takes scratch for a base that is never outdated', async () => {
    const app = await putApp({ 'org.opencontainers.image.base.name': 'scratch' });
    expect(await base(app)).toMatchObject({ code: 0, stdout: 'up to date scratch\n' });
  });
});
