import { describe, expect, it } from 'vitest';
import { goldenBase, goldenOperations, imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { parsePlatform } from '../../oci/platform.ts';
import type { Artifact } from '../../store/artifact.ts';
import { emptyImage, emptyIndex } from '../empty.ts';
import { imageManifestOf, rawConfigOf, rawManifestOf } from '../read.ts';
import type { ImageEdit } from './image-edit.ts';
import { mutateImage } from './mutate-image.ts';

async function configIn(artifact: Artifact): Promise<string> {
  return Buffer.from(await rawConfigOf(artifact)).toString();
}

async function manifestIn(artifact: Artifact): Promise<string> {
  return Buffer.from(await rawManifestOf(artifact)).toString();
}

/** What an edit makes of the `config` of a config. */
async function settingsAfter(settings: string, edit: ImageEdit, more = ''): Promise<unknown> {
  const image = await imageOfDocuments(`{"config":${settings}${more}}`);
  const after = JSON.parse(await configIn(await mutateImage(image, edit))) as { readonly config: unknown };
  return after.config;
}

describe('mutateImage() as crane does it', () => {
  it('gives the bytes that crane gives for labels, environment, entrypoint and ports', async () => {
    const after = await mutateImage(await goldenBase(), {
      labels: { set: { a: 'b' } },
      env: { set: ['X=1'] },
      entrypoint: ['/e'],
      entrypointClearsCmd: true,
      exposedPorts: { replace: ['80/tcp', '8080'] },
    });
    const golden = goldenOperations['configFile(label a=b, env X=1, entrypoint /e clears cmd, ports)'];
    expect(await configIn(after)).toBe(golden?.config);
    expect(await manifestIn(after)).toBe(golden?.manifest);
    expect(after.root.digest).toBe(golden?.manifestDigest);
  });

  it('gives the bytes that crane gives for a time', async () => {
    const after = await mutateImage(await goldenBase(), { created: '1970-01-01T00:00:00.000+00:00' });
    const golden = goldenOperations['createdAt(unix 0 UTC)'];
    expect(await configIn(after)).toBe(golden?.config);
    expect(after.root.digest).toBe(golden?.manifestDigest);
  });

  it('gives the digests that crane gives for the empty image', async () => {
    const after = await mutateImage(await emptyImage({ format: 'oci' }), {
      labels: { set: { a: '<b>&c' } },
      annotations: { set: { k: 'v' } },
      platform: parsePlatform('linux/arm64/v8'),
      env: { set: ['A=1'] },
      cmd: ['x'],
      user: 'u',
      workdir: '/w',
      exposedPorts: { replace: ['80/tcp'] },
    });
    // crane-cli reference, section 14.
    expect(after.root.digest).toBe('sha256:83e62ac419ecb1f16d323c74b0363ab9d26b80ad46c843be72d659f350da7f79');
    expect((await imageManifestOf(after)).config.digest).toBe(
      'sha256:c219da9d07c2503511cb3b7d163093fe2b01d168217d95f46782fce6e0459882',
    );
  });
});

describe('mutateImage()', () => {
  it('keeps what crane loses: subject, what nobody knows, and what is not edited byte for byte', async () => {
    const subject = { mediaType: 'm/n', digest: `sha256:${'12'.repeat(32)}`, size: 9 };
    const config =
      '{"moby.buildkit.x":"AQ","os":"linux",\n"config":{"StopTimeout":1.0,"Healthcheck":{"StartInterval":7}}}';
    const image = await imageOfDocuments(config, { subject, 'x-manifest': [1], annotations: { b: '1' } });
    const annotated = await mutateImage(image, { annotations: { set: { a: '2' }, unset: ['b', 'c'] } });
    expect(await configIn(annotated)).toBe(config);
    expect(JSON.parse(await manifestIn(annotated))).toMatchObject({
      subject,
      'x-manifest': [1],
      annotations: { a: '2' },
    });
    const labelled = await mutateImage(annotated, { labels: { set: { l: '' } } });
    expect(await configIn(labelled)).toBe(
      '{"architecture":"","created":"0001-01-01T00:00:00Z","os":"linux","rootfs":{"type":"","diff_ids":null},' +
        '"config":{"Healthcheck":{"StartInterval":7},"Labels":{"l":""},"StopTimeout":1.0},"moby.buildkit.x":"AQ"}',
    );
    expect(JSON.parse(await manifestIn(labelled))).toMatchObject({
      subject,
      'x-manifest': [1],
      annotations: { a: '2' },
    });
  });

  it('leaves an image as it is when nothing changes, unless it shall write it as crane does', async () => {
    const image = await imageOfDocuments('{"os":"linux", "config":{"Labels":{"a":"1"},"Env":["A=1"]}}');
    const edits: readonly ImageEdit[] = [
      {},
      {
        labels: { set: { a: '1' }, unset: ['b'] },
        env: { set: ['A=1'] },
        user: null,
        cmd: null,
        volumes: { remove: ['/v'] },
      },
    ];
    for (const edit of edits) expect(await mutateImage(image, edit)).toBe(image);
    const written = await mutateImage(image, {}, { reencode: true });
    expect(await configIn(written)).toMatch(/^\{"architecture":"","created":/);
    expect(await mutateImage(written, {}, { reencode: true })).toBe(written);
  });

  it('takes away what it is told to', async () => {
    const settings =
      '{"Cmd":["c"],"Entrypoint":["e"],"Env":["A=1","B=2","C"],"ExposedPorts":{"1":{},"2":{}},"Healthcheck":{"Test":["NONE"]},' +
      '"Labels":{"a":"1","b":"2"},"StopSignal":"x","User":"u","Volumes":{"/a":{},"/b":{"x":1}},"WorkingDir":"/w"}';
    const none = { labels: { unset: ['a', 'b'] }, env: { unset: ['A', 'B', 'C'] }, exposedPorts: { replace: [] } };
    expect(
      await settingsAfter(settings, {
        ...none,
        entrypoint: null,
        cmd: null,
        user: null,
        workdir: null,
        stopSignal: null,
        healthcheck: null,
        volumes: { remove: ['/a'] },
      }),
    ).toEqual({ Volumes: { '/b': { x: 1 } } });
    expect(await settingsAfter(settings, { entrypoint: ['f'] })).toMatchObject({ Entrypoint: ['f'], Cmd: ['c'] });
    const cleared = await settingsAfter(settings, { entrypoint: ['f'], entrypointClearsCmd: true, cmd: ['d'] });
    expect(cleared).toMatchObject({ Entrypoint: ['f'], Cmd: ['d'] });
  });

  it('sets what crane cannot', async () => {
    expect(
      await settingsAfter('{"ExposedPorts":{"1":{}}}', {
        exposedPorts: { add: ['10', '9'], remove: ['1'] },
        volumes: { add: ['/v'] },
        stopSignal: 'SIGINT',
        healthcheck: { test: ['CMD', 'true'], interval: 5e9, retries: 3 },
      }),
    ).toEqual({
      ExposedPorts: { '10': {}, '9': {} },
      Volumes: { '/v': {} },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 5e9, Retries: 3 },
    });
    const image = await imageOfDocuments('{"os":"linux","os.version":"1","os.features":["f"],"variant":"v"}');
    const after = await mutateImage(image, {
      platform: parsePlatform('windows/amd64'),
      author: 'me',
      history: { created: '2024-01-01T00:00:00Z', createdBy: 'labels' },
    });
    expect(JSON.parse(await configIn(after))).toEqual({
      architecture: 'amd64',
      author: 'me',
      created: '0001-01-01T00:00:00Z',
      history: [{ created: '2024-01-01T00:00:00Z', created_by: 'labels', empty_layer: true }],
      os: 'windows',
      rootfs: { type: '', diff_ids: null },
      config: {},
      'os.features': ['f'],
    });
  });

  it('changes a health check in parts, also in what crane does not know, and makes none of times alone', async () => {
    const settings = '{"Healthcheck":{"x":1,"startinterval":5e9,"Test":["CMD","a"],"Interval":1}}';
    const image = await imageOfDocuments(`{"config":${settings}}`);
    const after = await mutateImage(image, { healthcheck: { startInterval: 7, interval: 0, retries: 2 } });
    expect(await configIn(after)).toContain('{"Healthcheck":{"Test":["CMD","a"],"Retries":2,"x":1,"StartInterval":7}}');
    const others = await mutateImage(image, { healthcheck: { timeout: 3 } });
    expect(await configIn(others)).toContain('"Interval":1,"Timeout":3,"x":1,"startinterval":5e9}');
    await expect(settingsAfter('{}', { healthcheck: { retries: 3 } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
  });

  it('replaces variables in their places, and adds others once', async () => {
    const env = { set: ['B=3=4', 'D=', 'A=9', 'D=5'], unset: ['E'] };
    expect(await settingsAfter('{"Env":["A=1","NO","B=2","A=1","E=1"]}', { env })).toEqual({
      Env: ['A=9', 'NO', 'B=3=4', 'A=9', 'D=5'],
    });
    const windows = { set: ['path=x', 'new=1'], unset: ['tmp'] };
    expect(await settingsAfter('{"Env":["Path=c","TMP=1"]}', { env: windows }, ',"os":"windows"')).toEqual({
      Env: ['Path=x', 'NEW=1'],
    });
    await expect(settingsAfter('{}', { env: { set: ['=x'] } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: 'Invalid environment variable "=x": NAME=VALUE expected',
    });
  });

  it('edits annotations of artifacts, and says that they have no config to edit', async () => {
    const types = { manifest: mediaTypes.ociManifest, config: 'application/vnd.example.config' };
    const artifact = await imageOfDocuments('not JSON', { artifactType: 'a/b' }, types);
    const after = await mutateImage(artifact, { annotations: { set: { a: 'b' } } }, { reencode: true });
    expect(await imageManifestOf(after)).toMatchObject({ artifactType: 'a/b', annotations: { a: 'b' } });
    expect(await configIn(after)).toBe('not JSON');
    await expect(mutateImage(artifact, { labels: { set: { a: 'b' } } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('its config is no image’s but application/vnd.example.config'.replace('’', "'")),
    });
    await expect(mutateImage(await emptyIndex(), {})).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('embeds a config anew that was embedded, and what the root said of the platform', async () => {
    const image = await imageOfDocuments('{"os":"linux"}');
    const { config } = await imageManifestOf(image);
    const data = Buffer.from('{"os":"linux"}').toString('base64');
    const embedding = await imageOfDocuments('{"os":"linux"}', { config: { ...config, data } });
    const root = { ...embedding.root, platform: parsePlatform('linux/amd64') };
    const after = await mutateImage({ ...embedding, root }, { platform: parsePlatform('linux/arm64') });
    const made = (await imageManifestOf(after)).config;
    expect(Buffer.from(made.data ?? '', 'base64').toString()).toBe(await configIn(after));
    expect(after.root.platform).toEqual({ os: 'linux', architecture: 'arm64' });
  });

  it('refuses times that are none', async () => {
    await expect(mutateImage(await emptyImage(), { created: 'now' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: 'Invalid time "now"',
    });
  });
});
