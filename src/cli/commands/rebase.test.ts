import { describe, expect, it } from 'vitest';
import { basedOn, stacked, stackedIndex } from '../../../test/support/based-images.ts';
import { annotationsIn, configIn, entriesIn, imageRegistry } from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';

const images = imageRegistry();

const crane = (...args: readonly string[]): Promise<InProcessResult> => craneInProcess(args, { home: '/nowhere' });

async function rebase(...args: readonly string[]): Promise<InProcessResult> {
  const result = await crane('rebase', ...args);
  expect(result).toMatchObject({ code: 0 });
  return result;
}

async function refusal(...args: readonly string[]): Promise<string> {
  const result = await crane('rebase', ...args);
  expect(result).toMatchObject({ code: 1, stdout: '' });
  return result.stderr;
}

async function stepsIn(artifact: Artifact): Promise<readonly string[]> {
  const { history } = await configIn(artifact);
  return (history as readonly { readonly created_by: string }[]).map(({ created_by }) => created_by);
}

/** An image `app:v1` on `base:1`, and another base behind that tag now. */
async function prepare(
  annotated = true,
): Promise<{ readonly app: string; readonly old: Artifact; readonly base: string }> {
  const old = await stacked(['old']);
  await images.put(old, '0', 'base');
  const base = await images.put(await stacked(['new1', 'new2']), '1', 'base');
  const annotations = { mine: 'yes', ...(annotated ? basedOn(base, old) : {}) };
  const app = await images.put(await stacked(['old', 'app'], { annotations }));
  return { app, old, base };
}

describe('crane rebase', () => {
  it('finds both bases by the annotations of the image, and puts the result in its place', async () => {
    const { app, base } = await prepare();
    const { stdout, stderr } = await rebase(app);
    const after = await images.get();
    expect(stdout).toBe(`${images.host}/app@${after.root.digest}\n`);
    expect(stderr).toContain(` pushing rebased image as ${app}\n`);
    expect(await stepsIn(after)).toEqual(['ADD new1', 'ADD new2', 'ADD app']);
    expect(await annotationsIn(after)).toEqual({ mine: 'yes', ...basedOn(base, await images.get('1', 'base')) });
    expect(await validate(after)).toEqual([]);
  });

  it('takes the bases that flags name, and puts the result where --tag says', async () => {
    const { app, base } = await prepare(false);
    const { stdout } = await rebase(
      app,
      '--old_base',
      `${images.host}/base:0`,
      '--new_base',
      base,
      '-t',
      `${images.host}/out:v2`,
    );
    const after = await images.get('v2', 'out');
    expect(stdout).toBe(`${images.host}/out@${after.root.digest}\n`);
    expect(await stepsIn(after)).toEqual(['ADD new1', 'ADD new2', 'ADD app']);
    expect(await stepsIn(await images.get())).toEqual(['ADD old', 'ADD app']);
  });

  it('works with the flags --original and --rebased', async () => {
    const { app } = await prepare();
    await rebase('--original', app, '--rebased', `${images.host}/out:v2`);
    expect(await stepsIn(await images.get('v2', 'out'))).toEqual(['ADD new1', 'ADD new2', 'ADD app']);
  });

  it('leaves an image that is named by digest, and adds the result beside it', async () => {
    await prepare();
    const before = (await images.get()).root.digest;
    const { stdout, stderr } = await rebase(`${images.host}/app@${before}`);
    expect((await images.get()).root.digest).toBe(before);
    expect(stderr).toContain(` pushing rebased image as ${stdout}`);
    expect(await stepsIn(await images.get(stdout.trim().split('@')[1]))).toEqual(['ADD new1', 'ADD new2', 'ADD app']);
  });

  it('pushes nothing when nothing changes', async () => {
    const { app } = await prepare();
    await rebase(app);
    const before = (await images.get()).root.digest;
    images.requests.length = 0;
    const { stdout, stderr } = await rebase(app);
    expect(stdout).toBe(`${images.host}/app@${before}\n`);
    expect(stderr).toMatch(/ rebasing was no-op\n$/);
    expect(images.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
    await rebase(app, '-t', `${images.host}/app:v2`);
    expect((await images.get('v2')).root.digest).toBe(before);
  });

  it('asks for everything once, and mounts layers of the new base', async () => {
    const { app, base } = await prepare(false);
    images.requests.length = 0;
    await rebase(app, '--old_base', `${images.host}/base:0`, '--new_base', base);
    const asked = images.requests.map((request) =>
      request.replaceAll(/sha256(?::|%3A)\w+/g, 'DIGEST').replace(/uploads\/[\w-]+\?/, 'uploads/ID?'),
    );
    expect(asked.toSorted()).toEqual(
      [
        'GET /v2/app/manifests/v1',
        'GET /v2/base/manifests/0',
        'GET /v2/base/manifests/1',
        'GET /v2/app/blobs/DIGEST',
        'GET /v2/base/blobs/DIGEST',
        'GET /v2/base/blobs/DIGEST',
        ...['HEAD', 'HEAD'].map((method) => `${method} /v2/app/blobs/DIGEST`),
        'POST /v2/app/blobs/uploads/',
        'POST /v2/app/blobs/uploads/?mount=DIGEST&from=base',
        'POST /v2/app/blobs/uploads/?mount=DIGEST&from=base',
        'PUT /v2/app/blobs/uploads/ID?digest=DIGEST',
        'PUT /v2/app/manifests/v1',
      ].toSorted(),
    );
    expect(new Set(images.requests).size).toBe(images.requests.length);
  });

  it('changes nothing in a dry run, and prints what would change', async () => {
    const { app } = await prepare();
    const before = await images.get();
    images.requests.length = 0;
    const { stdout } = await rebase('--dry-run', app);
    expect((await images.get()).root.digest).toBe(before.root.digest);
    expect(images.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(
      /^changed linux\/amd64 sha256:\w+: layers 1 removed, 2 added, 1 kept; base sha256:\w+ -> sha256:\w+$/,
    );
    expect(lines.slice(1, 5).map((line) => line.slice(0, 4))).toEqual(['  - ', '  + ', '  + ', '  = ']);
    await rebase(app);
    expect(lines[5]).toBe(`changed ${app} ${(await images.get()).root.digest} (was ${before.root.digest})`);
    expect((await rebase('--dry-run', app)).stdout).toMatch(/^same {4}linux\/amd64 .*\nsame {4}\S+ sha256:\w+\n$/);
  });

  it('reads and writes local content on every side', async () => {
    const { app } = await prepare(false);
    const layout = await testDirectory();
    for (const [from, tag] of [
      [app, 'v1'],
      [`${images.host}/base:0`, 'old'],
      [`${images.host}/base:1`, 'new'],
    ] as const) {
      expect((await crane('copy', from, `oci:${layout}:${tag}`)).code).toBe(0);
    }
    const bases = ['--old_base', `oci:${layout}:old`, '--new_base', `oci:${layout}:new`];
    const { stdout } = await rebase(`oci:${layout}:v1`, ...bases);
    const store = await openLayout(layout);
    const after = { store, root: await store.resolve('v1') };
    expect(stdout).toBe(`oci:${layout}@${after.root.digest}\n`);
    expect(await validate(after)).toEqual([]);
    expect(await annotationsIn(after)).toEqual({
      mine: 'yes',
      'org.opencontainers.image.base.digest': (await store.resolve('new')).digest,
    });
    const { stdout: pushed } = await rebase(app, ...bases);
    expect(await validate(await images.get(pushed.trim().split('@')[1]))).toEqual([]);
    await rebase(app, ...bases, '-o', `oci-archive:${layout}/out.tar`).catch(() => {});
    expect(
      (
        await rebase(
          app,
          '--old_base',
          `oci:${layout}:new`,
          '--new_base',
          `oci:${layout}:old`,
          '-o',
          `${layout}/out.tar`,
        )
      ).stdout,
    ).toBe('');
  });

  it('looks for the old base beside its name when the new one is elsewhere', async () => {
    const { app } = await prepare();
    const other = await images.put(await stacked(['other']), '1', 'other');
    await rebase(app, '--new_base', other);
    expect(await stepsIn(await images.get())).toEqual(['ADD other', 'ADD app']);
  });
});

describe('crane rebase of an index', () => {
  const architectures = ['amd64', 'arm64'];

  async function prepareIndex(
    digestOf: 'index' | 'child' = 'index',
  ): Promise<{ readonly app: string; readonly base: string }> {
    const old = await stackedIndex(['old'], architectures);
    await images.put(old, '0', 'base');
    const base = await images.put(await stackedIndex(['new'], ['arm64', 'amd64']), '1', 'base');
    const [child] = await entriesIn(old);
    if (child === undefined) throw new Error('The base is empty');
    const annotations = basedOn(base, digestOf === 'index' ? old : { root: child });
    const app = await images.put(await stackedIndex(['old', 'app'], architectures, { recipe: { annotations } }));
    return { app, base };
  }

  async function childrenOf(artifact: Artifact): Promise<readonly Artifact[]> {
    return (await entriesIn(artifact)).map((root) => ({ store: artifact.store, root }));
  }

  it('puts each image on the base for its platform', async () => {
    const { app } = await prepareIndex();
    images.requests.length = 0;
    const { stdout } = await rebase(app);
    const asked = images.requests.filter((request) => !request.startsWith('POST '));
    expect(new Set(asked).size).toBe(asked.length);
    const after = await images.get();
    expect(stdout).toBe(`${images.host}/app@${after.root.digest}\n`);
    expect(after.root.mediaType).toBe(mediaTypes.ociIndex);
    const steps = await Promise.all((await childrenOf(after)).map(stepsIn));
    expect(steps).toEqual(architectures.map((arch) => [`ADD new-${arch}`, `ADD app-${arch}`]));
    expect(await validate(after)).toEqual([]);
  });

  it('with --platform changes that image, and keeps the index', async () => {
    const { app } = await prepareIndex();
    const before = await entriesIn(await images.get());
    await rebase(app, '--platform', 'linux/arm64');
    const after = await images.get();
    expect((await entriesIn(after))[0]).toEqual(before[0]);
    expect(await stepsIn((await childrenOf(after))[1] as Artifact)).toEqual(['ADD new-arm64', 'ADD app-arm64']);
  });

  it('takes a base whose annotation names the image of one platform', async () => {
    const { app } = await prepareIndex('child');
    await rebase(app, '--platform', 'linux/amd64');
    const [amd64] = await childrenOf(await images.get());
    expect(await stepsIn(amd64 as Artifact)).toEqual(['ADD new-amd64', 'ADD app-amd64']);
  });

  it('says that attestations are those of the image as it was', async () => {
    await prepareIndex();
    const { store, root } = await images.get();
    const [amd64, arm64] = await entriesIn({ store, root });
    if (amd64 === undefined || arm64 === undefined) throw new Error('The index is empty');
    const attestation = { ...arm64, platform: { os: 'unknown', architecture: 'unknown' } };
    const about = { 'vnd.docker.reference.digest': amd64.digest };
    const upper = new MemoryStore();
    const manifests = [amd64, { ...attestation, annotations: about }];
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    const added = await upper.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex);
    const app = await images.put({ store: new OverlayStore(upper, store), root: added }, 'attested');
    const { stderr } = await rebase(app);
    expect(stderr).toContain(`[WARNING]: the attestations of ${amd64.digest} were made before it was rebased`);
    const [image, entry] = await entriesIn(await images.get('attested'));
    expect(entry?.annotations).toEqual({ 'vnd.docker.reference.digest': image?.digest });
    expect(entry?.digest).toBe(arm64.digest);
    const { stdout } = await rebase('--drop-attestations', `${images.host}/app@${added.digest}`);
    expect(await entriesIn(await images.get(stdout.trim().split('@')[1]))).toEqual([image]);
  });

  it('says what the new base does not have', async () => {
    const { app } = await prepareIndex();
    await images.put(await stackedIndex(['new'], ['amd64', 's390x']), '1', 'base');
    const before = (await images.get()).root.digest;
    const error = await refusal(app);
    expect(error).toMatch(/^Error: .*the new base sha256:\w+ has no image for platform linux\/arm64$/m);
    expect(error).toContain('Available platforms: linux/amd64, linux/s390x.');
    expect((await images.get()).root.digest).toBe(before);
  });
});

describe('crane rebase refuses', () => {
  it('what it does not understand, before anything is asked', async () => {
    const { app } = await prepare();
    images.requests.length = 0;
    expect(await refusal()).toBe(
      'Error: requires at least 1 arg(s), only received 0\n  Usage: crane rebase IMAGE [flags]\n',
    );
    expect(await refusal(app, 'more')).toBe(
      'Error: accepts at most 1 arg(s), received 2\n  Usage: crane rebase IMAGE [flags]\n',
    );
    expect(await refusal(app, '--original', app)).toBe('Error: cannot use --original with positional argument\n');
    expect(await refusal(app, '-t', 'a', '--rebased', 'b')).toContain('[rebased tag] were all set');
    expect(await refusal(app, '--old_base', 'a//b')).toContain('a//b');
    expect(await refusal(app, '-t', 'x y')).toContain('x y');
    expect(images.requests).toEqual([]);
  });

  it('an image that says nothing of its base', async () => {
    const { app, base } = await prepare(false);
    expect(await refusal(app)).toContain(
      `${JSON.stringify(app)} does not say what its base is: it has no annotation org.opencontainers.image.base.name\n  Name the bases: --old_base`,
    );
    expect(await refusal(app, '--new_base', base)).toContain(
      'it has no annotation org.opencontainers.image.base.digest',
    );
  });

  it.each([
    ['org.opencontainers.image.base.digest', 'garbage'],
    ['org.opencontainers.image.base.digest', 'sha256:abc'],
    ['org.opencontainers.image.base.name', 'not a//reference'],
    ['org.opencontainers.image.base.name', 'oci:/etc'],
    ['org.opencontainers.image.base.name', 'docker-archive:/etc/passwd:x/y'],
  ])('an annotation %s that is %j', async (key, value) => {
    const old = await stacked(['old']);
    const annotations = { ...basedOn(`${images.host}/base:1`, old), [key]: value };
    const app = await images.put(await stacked(['old', 'app'], { annotations }));
    const error = await refusal(app);
    expect(error).toContain(`The annotation ${key} of ${JSON.stringify(app)} is malformed: `);
    expect(error).toContain(JSON.stringify(value));
  });

  it('a base that is not there, and says which', async () => {
    const { app, base } = await prepare(false);
    const gone = `${images.host}/base:none`;
    expect(await refusal(app, '--old_base', gone, '--new_base', base)).toContain(
      `he old base ${JSON.stringify(gone)} is not there: could not read`,
    );
    const old = `${images.host}/base:0`;
    expect(await refusal(app, '--old_base', old, '--new_base', gone)).toContain(
      `he new base ${JSON.stringify(gone)} is`,
    );
  });

  it('a base that the image does not stand on, and names the layer', async () => {
    const { app, base } = await prepare(false);
    const error = await refusal(app, '--old_base', base, '--new_base', base);
    expect(error).toMatch(
      /^Error: rebasing \S+: the image sha256:\w+ is not based on sha256:\w+: layer 1 of the base's 2 differs: /m,
    );
    expect(error).toContain('"ADD old"');
    expect(error).not.toContain('%!');
  });
});
