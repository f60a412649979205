import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageOfDocuments } from '../../../test/support/golden-operations.ts';
import { craneCommand, runCrane } from '../../../test/support/crane-command.ts';
import {
  annotationsIn,
  configIn,
  imageRegistry,
  platformImage,
  settingsIn,
} from '../../../test/support/image-registry.ts';
import { tarOf } from '../../../test/support/sample-image.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { imageManifestOf } from '../../ops/read.ts';
import { validate } from '../../ops/validate.ts';

const images = imageRegistry();
const { printed: mutate, refusal } = craneCommand('mutate');

describe('mutate', () => {
  it('puts the result in the place of a tag, and prints its digest', async () => {
    const name = await images.put(await platformImage());
    const printed = await mutate(name, '-l', 'a=1,2', '-l', 'b=', '-a', 'k=v', '-e', 'X=1', '-u', 'me', '-w', '/w');
    const after = await images.get();
    expect(printed).toBe(`${images.host}/app@${after.root.digest}`);
    expect(await settingsIn(after)).toEqual({
      Labels: { a: '1,2', b: '' },
      Env: ['X=1'],
      User: 'me',
      WorkingDir: '/w',
    });
    expect(await annotationsIn(after)).toEqual({ k: 'v' });
    expect(await validate(after)).toEqual([]);
  });

  it('leaves an image that is named by digest, and adds the result beside it', async () => {
    await images.put(await platformImage());
    const before = (await images.get()).root.digest;
    const printed = await mutate(`${images.host}/app@${before}`, '-l', 'a=1');
    expect((await images.get()).root.digest).toBe(before);
    expect(await settingsIn(await images.get(printed.split('@')[1]))).toEqual({ Labels: { a: '1' } });
  });

  it('puts the result under another tag, or into another repository by its digest only', async () => {
    const name = await images.put(await platformImage());
    expect(await mutate(name, '-l', 'a=1', '-t', `${images.host}/other:v2`)).toBe(
      `${images.host}/other@${(await images.get('v2', 'other')).root.digest}`,
    );
    const printed = await mutate(name, '-l', 'a=1', '--repo', `${images.host}/third`);
    expect(printed).toBe(`${images.host}/third@${(await images.get('v2', 'other')).root.digest}`);
    expect(await images.get(printed.split('@')[1], 'third')).toBeDefined();
    expect(await refusal(name, '--repo', `${images.host}/third`, '-t', name)).toBe(
      "Error: repository can't be set when a tag is specified\n",
    );
  });

  it('takes the command away with a new entrypoint, as crane does, and keeps it when the entrypoint goes', async () => {
    const name = await images.put(await imageOfDocuments('{"os":"linux","config":{"Cmd":["c"],"Entrypoint":["e"]}}'));
    await mutate(name, '--clear-entrypoint', '-t', `${images.host}/app:cleared`);
    expect(await settingsIn(await images.get('cleared'))).toEqual({ Cmd: ['c'] });
    await mutate(name, '--entrypoint', '/e,x', '-t', `${images.host}/app:entry`);
    expect(await settingsIn(await images.get('entry'))).toEqual({ Entrypoint: ['/e', 'x'] });
    await mutate(name, '--entrypoint', '/e', '--cmd', 'a,b', '-t', `${images.host}/app:both`);
    expect(await settingsIn(await images.get('both'))).toEqual({ Entrypoint: ['/e'], Cmd: ['a', 'b'] });
  });

  it('removes what it is told to remove', async () => {
    const settings = {
      Cmd: ['c'],
      Env: ['A=1', 'B=2'],
      ExposedPorts: { '1/tcp': {}, '2/tcp': {} },
      Healthcheck: { Test: ['CMD', 'x'] },
      Labels: { a: '1', b: '2' },
      StopSignal: 'SIGINT',
      User: 'u',
      Volumes: { '/a': {}, '/b': {} },
      WorkingDir: '/w',
    };
    const config = JSON.stringify({ os: 'linux', author: 'me', config: settings });
    const name = await images.put(await imageOfDocuments(config, { annotations: { k: 'v', l: 'w' } }));
    await mutate(name, ...['unset-label=a', 'unset-env=A', 'remove-exposed-port=1/tcp', 'remove-volume=/b'].map(long));
    expect(await settingsIn(await images.get())).toEqual({
      ...settings,
      Labels: { b: '2' },
      Env: ['B=2'],
      ExposedPorts: { '2/tcp': {} },
      Volumes: { '/a': {} },
    });
    const cleared = ['cmd', 'user', 'workdir', 'exposed-ports', 'volumes', 'stop-signal', 'healthcheck', 'author'];
    await mutate(name, ...cleared.map((what) => `--clear-${what}`), '--unset-label', 'b,c', '--unset-env', 'B');
    expect(await settingsIn(await images.get())).toEqual({});
    expect(await configIn(await images.get())).not.toHaveProperty('author');
    await mutate(name, '--unset-annotation', 'k');
    expect(await annotationsIn(await images.get())).toEqual({ l: 'w' });
  });

  it('sets what crane cannot: ports and volumes beside others, stop signal, author, times, history', async () => {
    const name = await images.put(await imageOfDocuments('{"os":"linux","config":{"ExposedPorts":{"1":{}}}}'));
    const more = ['--add-exposed-port', '2/tcp', '--volume', '/a,/b', '--stop-signal', 'SIGQUIT', '--author', 'me'];
    await mutate(name, ...more, '--created', '2024-05-01T12:00:00+02:00', '--history', 'settings');
    const after = await images.get();
    expect(await settingsIn(after)).toEqual({
      ExposedPorts: { '1': {}, '2/tcp': {} },
      Volumes: { '/a': {}, '/b': {} },
      StopSignal: 'SIGQUIT',
    });
    const created = '2024-05-01T10:00:00Z';
    expect(await configIn(after)).toMatchObject({
      author: 'me',
      created,
      history: [{ created, created_by: 'settings', empty_layer: true }],
    });
    const result = await runCrane(['mutate', name, '--history', 'again'], { env: { SOURCE_DATE_EPOCH: '86400' } });
    expect(result.code).toBe(0);
    expect(await configIn(await images.get())).toMatchObject({
      created,
      history: [{}, { created: '1970-01-02T00:00:00Z', created_by: 'again' }],
    });
    await mutate(name, '--exposed-ports', '3,4', '--remove-exposed-port', '4');
    expect(await settingsIn(await images.get())).toMatchObject({ ExposedPorts: { '3': {} } });
  });

  it('changes a health check as a whole or in parts', async () => {
    const name = await images.put(await imageOfDocuments('{"os":"linux"}'));
    const health = async (...args: readonly string[]): Promise<unknown> => {
      await mutate(name, ...args);
      return ((await settingsIn(await images.get())) as { readonly Healthcheck?: unknown }).Healthcheck;
    };
    const line = '[ -f /ready ] && curl localhost';
    expect(await health('--healthcheck-cmd', line, '--healthcheck-interval', '1m30s')).toEqual({
      Test: ['CMD-SHELL', line],
      Interval: 90e9,
    });
    const times = ['--healthcheck-timeout', '500ms', '--healthcheck-start-period', '2s', '--healthcheck-retries', '3'];
    expect(await health(...times, '--healthcheck-start-interval', '1s', '--healthcheck-interval', '0')).toEqual({
      Test: ['CMD-SHELL', line],
      Timeout: 5e8,
      StartPeriod: 2e9,
      StartInterval: 1e9,
      Retries: 3,
    });
    expect(await health('--healthcheck-cmd', '["curl","x"]', '--healthcheck-start-interval=3s')).toMatchObject({
      Test: ['CMD', 'curl', 'x'],
      StartInterval: 3e9,
    });
    expect(await health('--clear-healthcheck')).toBeUndefined();
    expect(await health('--healthcheck-cmd', 'none')).toEqual({ Test: ['NONE'] });
  });

  it('says what it cannot make of flags, before it asks any registry', async () => {
    const name = await images.put(await platformImage());
    images.requests.length = 0;
    const wrong: readonly (readonly [args: readonly string[], message: string])[] = [
      [
        ['--set-platform', 'all'],
        '"all" for "--set-platform" flag: an image is for one platform, for example linux/amd64',
      ],
      [['--set-platform', 'a/b/c/d'], '"a/b/c/d" for "--set-platform" flag: too many slashes'],
      [['--healthcheck-interval', '30'], 'flag: "30" is no duration: write a number and a unit, for example 30s'],
      [['--healthcheck-retries', '-1'], '"-1" for "--healthcheck-retries" flag: it has to be a whole number from 0 on'],
      [['--healthcheck-cmd', '[1]'], 'flag: a JSON list holds a program and its arguments'],
      [['--healthcheck-cmd', ' '], 'flag: the command is empty'],
      [['--healthcheck-cmd', 'none', '--healthcheck-retries', '1'], 'there are no health checks they have no times'],
      [['--clear-healthcheck', '--healthcheck-timeout', '1s'], 'there are no health checks they have no times'],
      [['--created', 'yesterday'], 'invalid argument "yesterday" for "--created" flag: write 2026-11-22T10:00:00Z'],
      [['-l', 'a=1', '--unset-label', 'b,a'], 'the label "a" is both set and removed'],
      [['-e', 'A=1', '--unset-env', 'A'], 'the variable "A" is both set and removed'],
      [['-a', 'a=1', '--unset-annotation', 'a'], 'the annotation "a" is both set and removed'],
      [['--cmd', 'a', '--clear-cmd'], 'if any flags in the group [cmd clear-cmd] are set none of the others can be'],
      [['--annotate', 'both'], '"both" for "--annotate" flag: it has to be one of index, images, all'],
      [['-t', 'A:b:c'], 'Invalid reference "A:b:c"'],
    ];
    for (const [args, message] of wrong) expect(await refusal(name, ...args)).toContain(message);
    expect(await refusal(name, '--healthcheck-timeout', '1s')).toContain(
      'the image has no health check whose times or retries could be changed',
    );
    expect(images.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
  });

  it('reads the manifest and the config, and sends both, however many layers there are', async () => {
    const name = await images.put(await platformImage());
    images.requests.length = 0;
    await mutate(name, '-l', 'a=1');
    const asked = images.requests.map((request) =>
      request.replaceAll(/sha256(?::|%3A)\w+/g, 'DIGEST').replace(/uploads\/[\w-]+\?/, 'uploads/ID?'),
    );
    expect(asked).toEqual([
      'GET /v2/app/manifests/v1',
      'GET /v2/app/blobs/DIGEST',
      'POST /v2/app/blobs/uploads/',
      'PUT /v2/app/blobs/uploads/ID?digest=DIGEST',
      'PUT /v2/app/manifests/v1',
    ]);
  });

  it('pushes nothing when nothing changes', async () => {
    const name = await images.put(await platformImage());
    const before = (await images.get()).root.digest;
    images.requests.length = 0;
    expect(await mutate(name)).toBe(`${images.host}/app@${before}`);
    expect(await mutate(name, '--unset-label', 'a', '--clear-cmd', '-u', '', '--entrypoint', '')).toBe(
      `${images.host}/app@${before}`,
    );
    expect(images.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
  });

  it('edits annotations of artifacts, and refuses to edit their configs', async () => {
    const types = { manifest: mediaTypes.ociManifest, config: 'application/vnd.example.config' };
    const name = await images.put(await imageOfDocuments('not JSON', { artifactType: 'a/b' }, types));
    await mutate(name, '-a', 'k=v');
    expect(await annotationsIn(await images.get())).toEqual({ k: 'v' });
    expect(await refusal(name, '-l', 'a=b')).toContain(
      "is an artifact, its config is no image's but application/vnd.example.config",
    );
  });
});

describe('mutate of local content', () => {
  it('changes a layout in its place, and archives into another place', async () => {
    const directory = await testDirectory();
    const name = await images.put(await platformImage());
    const [layout, archive] = [`oci:${join(directory, 'layout')}:v1`, join(directory, 'a.tar')];
    await mutate(name, '-t', layout);
    const printed = await mutate(layout, '-l', 'a=1');
    const store = await openLayout(join(directory, 'layout'));
    const root = await store.resolve('v1');
    expect(printed).toBe(`oci:${join(directory, 'layout')}@${root.digest}`);
    expect(await settingsIn({ store, root })).toEqual({ Labels: { a: '1' } });
    await mutate(layout, '-l', 'b=2', '-o', archive, '-t', 'example.com/app:v2');
    expect((await readFile(archive)).toString('latin1')).toContain('"example.com/app:v2"');
    expect(await refusal(`docker-archive:${archive}`, '-l', 'c=3')).toContain(
      'in an archive, which cannot be changed in place',
    );
    await mutate(`docker-archive:${archive}`, '-l', 'c=3', '-t', `${images.host}/app:from-archive`);
    expect(await settingsIn(await images.get('from-archive'))).toEqual({ Labels: { a: '1', b: '2', c: '3' } });
  });

  it('puts layers from files and from standard input on top', async () => {
    const name = await images.put(await platformImage());
    const path = join(await testDirectory(), 'layer.tar');
    await writeFile(path, tarOf({ 'a.txt': 'a' }));
    // The stand-in for standard input takes text; an archive of ASCII names and content is one.
    const input = tarOf({ 'b.txt': 'b' }).toString('latin1');
    const result = await runCrane(['mutate', name, '--append', `${path},-`, '-l', 'x=y'], { input });
    expect(result.stderr).not.toContain('Error');
    const after = await images.get();
    expect((await imageManifestOf(after)).layers).toHaveLength(3);
    expect(await configIn(after)).toMatchObject({
      history: [{ created: '0001-01-01T00:00:00Z' }, { created: '0001-01-01T00:00:00Z' }],
      config: { Labels: { x: 'y' } },
    });
    expect(await validate(after)).toEqual([]);
    expect(await refusal(name, '--append', path, '--max-bytes', '100')).toContain('larger than the limit of 100 bytes');
    expect(await refusal(name, '--append', '-', '--append', '-')).toContain('can be read as one layer only');
  });
});

function long(flag: string): string {
  return `--${flag}`;
}
