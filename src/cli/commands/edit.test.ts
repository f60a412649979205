import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  annotationsIn,
  configIn,
  entriesIn,
  imageRegistry,
  platformImage,
  platformIndex,
} from '../../../test/support/image-registry.ts';
import { craneInProcess, type InProcessOptions, type InProcessResult } from '../../../test/support/in-process.ts';
import { imageOfEntries, readEntries } from '../../../test/support/layer-stack.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { digestOf } from '../../content/hash.ts';
import { openLayout } from '../../layout/layout-store.ts';
import { mediaTypes } from '../../oci/media-type.ts';
import { convertMediaTypes } from '../../ops/layers/convert-media-types.ts';
import { exportFilesystem } from '../../ops/filesystem/export.ts';
import { configOf, imageManifestOf, rawConfigOf, rawManifestOf } from '../../ops/read.ts';
import { randomImage } from '../../ops/random.ts';
import { validate } from '../../ops/validate.ts';
import type { Artifact } from '../../store/artifact.ts';
import { copyGraph } from '../../ops/copy.ts';
import { MemoryStore } from '../../store/memory.ts';

const images = imageRegistry();

async function edit(args: readonly string[], options: Partial<InProcessOptions> = {}): Promise<InProcessResult> {
  return craneInProcess(['edit', ...args], { home: '/nowhere', ...options });
}

async function edited(args: readonly string[], input: string): Promise<string> {
  const result = await edit(args, { input });
  expect(result.stderr).not.toContain('Error');
  expect(result.code).toBe(0);
  return result.stdout;
}

async function refusal(args: readonly string[], input: string): Promise<string> {
  const before = images.requests.length;
  const result = await edit(args, { input });
  expect(result).toMatchObject({ code: 1, stdout: '' });
  expect(images.requests.slice(before).filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
  return result.stderr;
}

async function textOf(bytes: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await bytes).toString();
}

/** An editor that is a script; `$1` is the file that it is given, and its path is in `seen` afterwards. */
async function editorOf(script: string, name = 'editor'): Promise<{ readonly path: string; readonly seen: string }> {
  const folder = await testDirectory();
  const seen = join(folder, 'seen');
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\nprintf %s "$1" > '${seen}'\n${script}\n`);
  await chmod(path, 0o755);
  return { path, seen };
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

describe('edit config', () => {
  it('takes standard input byte for byte, and changes nothing else', async () => {
    const name = await images.put(await platformImage());
    const before = await images.get();
    const { layers } = await imageManifestOf(before);
    const config = `${JSON.stringify({ ...(await configIn(before)), other: '<&>' }, undefined, 2)}\n`;
    expect(await edited(['config', name], config)).toBe(`${name}\n`);
    const after = await images.get();
    expect(await textOf(rawConfigOf(after))).toBe(config);
    expect((await imageManifestOf(after)).layers).toEqual(layers);
    const expected = (await textOf(rawManifestOf(before)))
      .replace(/"digest":"[^"]*"/, `"digest":"${digestOf(Buffer.from(config))}"`)
      .replace(/"size":\d+/, `"size":${Buffer.byteLength(config)}`);
    expect(JSON.parse(await textOf(rawManifestOf(after)))).toEqual(JSON.parse(expected));
  });

  it('puts the result under another tag, into a layout, or beside an image that is named by digest', async () => {
    const name = await images.put(await platformImage());
    const { root } = await images.get();
    const config = JSON.stringify({ ...(await configIn(await images.get())), author: 'me' });
    expect(await edited(['config', name, '-t', `${images.host}/other:v2`], config)).toBe(`${images.host}/other:v2\n`);
    const { digest } = (await images.get('v2', 'other')).root;
    expect(await edited(['config', `${images.host}/app@${root.digest}`], config)).toBe(
      `${images.host}/app@${digest}\n`,
    );
    expect((await images.get()).root.digest).toBe(root.digest);
    const layout = await testDirectory();
    expect(await edited(['config', name, '-t', `oci:${layout}:v3`], config)).toBe(`oci:${layout}:v3\n`);
    expect(await edited(['config', `oci:${layout}`], JSON.stringify({ ...JSON.parse(config), author: 'you' }))).toBe(
      `oci:${layout}\n`,
    );
    const store = await openLayout(layout);
    expect(await configOf({ store, root: await store.resolveSingle() })).toMatchObject({ author: 'you' });
  });

  it('writes nothing where nothing changed, and says so; under another tag it is there nevertheless', async () => {
    const name = await images.put(await platformImage());
    const input = await textOf(rawConfigOf(await images.get()));
    const before = images.requests.length;
    const result = await edit(['config', name], { input });
    expect(result).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(result.stderr).toContain('Nothing changed');
    expect(images.requests.slice(before).filter((request) => !request.startsWith('GET'))).toEqual([]);
    await edited(['config', name, '-t', `${images.host}/app:v2`], input);
    expect((await images.get('v2')).root.digest).toBe((await images.get()).root.digest);
  });

  it('refuses what is no config, or not that of the image, before anything is written', async () => {
    const name = await images.put(await platformImage());
    expect(await refusal(['config', name], '')).toContain('editing config: the new config is not JSON');
    expect(await refusal(['config', name], '{"os":1}')).toContain('editing config: ');
    expect(await refusal(['config', name], '{"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')).toContain(
      'The new config has 0 diff IDs in "rootfs", but the image has 1 layers'.slice(1),
    );
  });

  it('changes one image of an index, and the platform that its entry states', async () => {
    const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
    const [first, second] = await entriesIn(await images.get());
    if (second === undefined) throw new Error('There are two');
    const arm = { store: (await images.get()).store, root: second };
    const config = JSON.stringify({ ...(await configIn(arm)), variant: 'v8' });
    expect(await refusal(['config', name], config)).toMatch(
      /lists 2 images.*\n.*--platform: linux\/amd64, linux\/arm64/,
    );
    expect(await edited(['config', name, '--platform', 'linux/arm64'], config)).toBe(`${name}\n`);
    const after = await images.get();
    expect(after.root.mediaType).toBe(mediaTypes.ociIndex);
    const [same, changed] = await entriesIn(after);
    expect(same).toEqual(first);
    expect(changed).toMatchObject({ platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } });
    expect(changed?.digest).not.toBe(second.digest);
    expect(await validate(after)).toEqual([]);
  });

  it('needs no platform for an index of one image', async () => {
    const name = await images.put(await platformIndex('linux/s390x'));
    const [only] = await entriesIn(await images.get());
    if (only === undefined) throw new Error('There is one');
    const config = JSON.stringify({ ...(await configIn({ ...(await images.get()), root: only })), author: 'me' });
    await edited(['config', name], config);
    expect((await images.get()).root.mediaType).toBe(mediaTypes.ociIndex);
  });
});

describe('edit manifest', () => {
  it('takes standard input byte for byte, with the type that it states, that is given, or that it had', async () => {
    const name = await images.put(await platformImage());
    const before = JSON.parse(await textOf(rawManifestOf(await images.get()))) as Record<string, unknown>;
    const text = `${JSON.stringify({ annotations: { a: 'b' }, ...before }, undefined, 1)}\n`;
    expect(await edited(['manifest', name], text)).toBe(`${name}\n`);
    expect(await textOf(rawManifestOf(await images.get()))).toBe(text);
    expect(await annotationsIn(await images.get())).toEqual({ a: 'b' });
    const { mediaType: _, ...untyped } = before;
    await edited(['manifest', name, '-t', `${images.host}/app:bare`], JSON.stringify(untyped));
    expect((await images.get('bare')).root.mediaType).toBe(mediaTypes.ociManifest);
    const docker = ['-m', mediaTypes.dockerManifest, '-t', `${images.host}/app:docker`];
    await edited(['manifest', name, ...docker], JSON.stringify({ ...untyped, annotations: { c: 'd' } }));
    expect((await images.get('docker')).root.mediaType).toBe(mediaTypes.dockerManifest);
  });

  it('gives a manifest that states no type another one, in its own place', async () => {
    const image = await platformImage();
    const { mediaType: _, ...untyped } = JSON.parse(await textOf(rawManifestOf(image))) as Record<string, unknown>;
    const name = await images.put(image);
    const text = JSON.stringify(untyped);
    await edited(['manifest', name], text);
    const before = images.requests.length;
    await edited(['manifest', name, '-m', mediaTypes.dockerManifest], text);
    expect(images.requests.slice(before)).toContain('PUT /v2/app/manifests/v1');
  });

  it('refuses a type that the manifest does not state', async () => {
    const name = await images.put(await platformImage());
    const text = await textOf(rawManifestOf(await images.get()));
    const message = await refusal(['manifest', name, '-m', mediaTypes.dockerManifest], text);
    expect(message).toContain(`says that it is ${mediaTypes.ociManifest}, and is to be ${mediaTypes.dockerManifest}`);
  });

  it('edits an index as it is, and with --platform the manifest of one image', async () => {
    const name = await images.put(await platformIndex('linux/amd64', 'linux/arm64'));
    const index = JSON.parse(await textOf(rawManifestOf(await images.get()))) as Record<string, unknown>;
    await edited(['manifest', name], JSON.stringify({ ...index, annotations: { a: 'b' } }));
    expect(await annotationsIn(await images.get())).toEqual({ a: 'b' });
    const { store } = await images.get();
    const [, arm] = await entriesIn(await images.get());
    if (arm === undefined) throw new Error('There are two');
    const manifest = JSON.parse(await textOf(rawManifestOf({ store, root: arm }))) as object;
    const text = JSON.stringify({ ...manifest, annotations: { c: 'd' } });
    await edited(['manifest', name, '--platform', 'linux/arm64'], text);
    const [, changed] = await entriesIn(await images.get());
    expect(changed?.digest).toBe(digestOf(Buffer.from(text)));
    expect(await annotationsIn(await images.get())).toEqual({ a: 'b' });
  });

  it('refuses what is no manifest, another kind than its type says, or names what is not there', async () => {
    const name = await images.put(await platformImage());
    const before = await textOf(rawManifestOf(await images.get()));
    expect(await refusal(['manifest', name], '{')).toContain('editing manifest: the new manifest is not JSON');
    expect(
      await refusal(
        ['manifest', name, '-m', mediaTypes.ociIndex],
        before.replace(/"mediaType":"[^"]*manifest[^"]*",/, ''),
      ),
    ).toContain('is said to be application/vnd.oci.image.index.v1+json but is an image manifest');
    const { layers } = await imageManifestOf(await images.get());
    const other = `sha256:${'1'.repeat(64)}`;
    expect(await refusal(['manifest', name], before.replace(layers[0]?.digest ?? '', other))).toContain(
      `The new manifest names ${other}, which is not there`.slice(1),
    );
  });
});

describe('edit fs', () => {
  const etc = { name: 'etc/', type: 'directory', mode: 0o755 } as const;
  const motd = { name: 'etc/motd', body: 'hello\n', mode: 0o640, uid: 3 };

  it('adds a layer with the file, in the family of the image, and a history without paths of this machine', async () => {
    const docker = await convertMediaTypes(await imageOfEntries([etc, motd]), 'docker');
    const name = await images.put(docker);
    expect(await edited(['fs', name, '-f', '/etc/motd'], 'bye\n')).toBe(`${name}\n`);
    const after = await images.get();
    const { layers } = await imageManifestOf(after);
    expect(layers.map(({ mediaType }) => mediaType)).toEqual([mediaTypes.dockerLayerGzip, mediaTypes.dockerLayerGzip]);
    expect((await configOf(after)).history).toEqual([
      {
        author: 'crane',
        created: '0001-01-01T00:00:00Z',
        created_by: 'crane edit fs --filename /etc/motd',
        empty_layer: false,
      },
    ]);
    expect(await filesOf(after)).toEqual([['etc/motd', 0o640, 3, 'bye\n']]);
    expect(await validate(after)).toEqual([]);
  });

  it('adds new files as crane does, at the time that SOURCE_DATE_EPOCH says', async () => {
    const name = await images.put(await imageOfEntries([etc, motd]));
    const result = await edit(['fs', name, '-f', 'opt/x'], { input: 'x', env: { SOURCE_DATE_EPOCH: '86400' } });
    expect(result.code).toBe(0);
    const after = await images.get();
    expect(await filesOf(after)).toContainEqual(['opt/x', 0o555, 0, 'x']);
    expect((await configOf(after)).history.at(-1)?.created).toBe('1970-01-02T00:00:00Z');
  });

  it('deletes files, and changes one image of an index only', async () => {
    const [amd, arm] = [
      await imageOfEntries([etc, motd]),
      await imageOfEntries([etc, motd, { name: 'arm', body: '' }]),
    ];
    const store = new MemoryStore();
    for (const one of [amd, arm]) await copyGraph(one.store, store, one.root);
    const manifests = [
      { ...amd.root, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm.root, platform: { os: 'linux', architecture: 'arm64' } },
    ];
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    const name = await images.put({
      store,
      root: await store.add(Buffer.from(JSON.stringify(index)), mediaTypes.ociIndex),
    });
    const result = await edit(['fs', name, '-f', 'etc/motd', '--delete', '--platform', 'linux/arm64']);
    expect(result.stderr).not.toContain('Error');
    expect(result.stdout).toBe(`${name}\n`);
    const [same, changed] = await entriesIn(await images.get());
    expect(same).toEqual(manifests[0]);
    if (changed === undefined) throw new Error('There are two');
    expect(await filesOf({ store: (await images.get()).store, root: changed })).toEqual([['arm', 0o644, 0, '']]);
  });

  it('needs the name of a file, and an image', async () => {
    const name = await images.put(await randomImage());
    expect(await refusal(['fs', name], '')).toContain('required flag(s) "filename" not set');
    expect(await refusal(['fs', name, '-f', '/'], '')).toContain('"/" names no file in an image');
  });
});

describe('An editor', () => {
  const interactive = { interactive: true };

  it('is VISUAL before EDITOR, a command line or a path with blanks, and gets a private file that goes afterwards', async () => {
    const name = await images.put(await platformImage());
    const { path, seen } = await editorOf(
      'stat -c %a "$1" "$(dirname "$1")" > "$0.modes"\nsed -i "s/linux/plan9/" "$1"',
      'my editor/it',
    );
    const other = await editorOf('exit 1');
    const result = await edit(['config', name], {
      ...interactive,
      env: { VISUAL: path, EDITOR: other.path, PATH: process.env['PATH'] ?? '' },
    });
    expect(result).toMatchObject({ code: 0, stdout: `${name}\n` });
    expect(await configIn(await images.get())).toMatchObject({ os: 'plan9' });
    expect(await readFile(`${path}.modes`, 'utf8')).toBe('600\n700\n');
    const file = await readFile(seen, 'utf8');
    expect(file).toMatch(/\/config\.json$/);
    expect(await isThere(dirname(file))).toBe(false);
    const line = { EDITOR: `sed -i -e 's/plan9/hurd/'`, PATH: process.env['PATH'] ?? '' };
    expect(await edit(['config', name], { ...interactive, env: line })).toMatchObject({ code: 0 });
    expect(await configIn(await images.get())).toMatchObject({ os: 'hurd' });
  });

  it('shows a document with a line for each member, and it is stored on one line as before', async () => {
    const name = await images.put(await platformImage());
    const before = await textOf(rawConfigOf(await images.get()));
    const { path, seen } = await editorOf(
      'cp "$1" "$0.shown"; sed -i \'s/"os": "linux"/"os": "plan9"/\' "$1"; echo >> "$1"',
    );
    const result = await edit(['config', name], { ...interactive, env: environment(path) });
    expect(result).toMatchObject({ code: 0 });
    expect(await readFile(join(dirname(seen), 'editor.shown'), 'utf8')).toBe(
      `${JSON.stringify(JSON.parse(before), undefined, 2)}\n`,
    );
    expect(await textOf(rawConfigOf(await images.get()))).toBe(before.replace('"os":"linux"', '"os":"plan9"'));
  });

  it.each([
    ['leaves everything', ':'],
    ['only ends the last line', 'echo >> "$1"'],
  ])('that %s changes nothing', async (_, script) => {
    const name = await images.put(await platformImage());
    const { path } = await editorOf(script);
    const before = images.requests.length;
    const result = await edit(['manifest', name], { ...interactive, env: environment(path) });
    expect(result).toMatchObject({ code: 0, stdout: `${name}\n`, stderr: expect.stringContaining('Nothing changed') });
    expect(images.requests.slice(before).filter((request) => !request.startsWith('GET'))).toEqual([]);
  });

  it('gets the content of a file under its name, byte for byte', async () => {
    const body = Buffer.from([0, 1, 0xff, 0x0a]).toString('latin1');
    const name = await images.put(await imageOfEntries([{ name: 'etc/app.conf', body: Buffer.from(body, 'latin1') }]));
    const { path, seen } = await editorOf('cp "$1" "$0.shown"; printf new > "$1"');
    const result = await edit(['fs', name, '-f', '/etc/app.conf'], { ...interactive, env: environment(path) });
    expect(result).toMatchObject({ code: 0 });
    expect(await readFile(seen, 'utf8')).toMatch(/\/app\.conf$/);
    expect(await readFile(join(dirname(seen), 'editor.shown'), 'latin1')).toBe(body);
    expect(await filesOf(await images.get())).toEqual([['etc/app.conf', 0o644, 0, 'new']]);
  });

  it('whose text is refused leaves it where the error says', async () => {
    const name = await images.put(await platformImage());
    const { path, seen } = await editorOf('echo "{ my work" > "$1"');
    const result = await edit(['config', name], { ...interactive, env: environment(path) });
    const file = await readFile(seen, 'utf8');
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`editing config: the new config is not JSON`);
    expect(result.stderr).toContain(`(what was written is kept in ${JSON.stringify(file)})`);
    expect(await readFile(file, 'utf8')).toBe('{ my work\n');
    await rm(dirname(file), { recursive: true });
  });

  it.each([
    ['fails', 'exit 3', 'ended with code 3, so nothing was changed'],
    ['is ended', 'kill -TERM $$', 'was ended by SIGTERM, so nothing was changed'],
  ])('that %s is an error, and its file goes', async (_, script, reason) => {
    const name = await images.put(await platformImage());
    const { path, seen } = await editorOf(script);
    const result = await edit(['config', name], { ...interactive, env: environment(path) });
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`editing config: the editor ${JSON.stringify(path)} ${reason}`);
    expect(await isThere(dirname(await readFile(seen, 'utf8')))).toBe(false);
  });

  it('that is not there is named', async () => {
    const name = await images.put(await platformImage());
    const result = await edit(['config', name], { ...interactive, env: environment('no-such-editor --wait') });
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('The editor "no-such-editor --wait" was not found'.slice(1));
  });

  it('that never ends is ended with the program', async () => {
    const name = await images.put(await platformImage());
    const { path, seen } = await editorOf('exec sleep 1000');
    const abort = new AbortController();
    const running = edit(['config', name], { ...interactive, env: environment(path), signal: abort.signal });
    while (!(await isThere(seen))) await setTimeout(5);
    abort.abort(new Error('Enough'));
    expect(await running).toMatchObject({ code: 1, stdout: '' });
    expect(await isThere(dirname(await readFile(seen, 'utf8')))).toBe(false);
  });
});

function environment(editor: string): Readonly<Record<string, string>> {
  return { EDITOR: editor, PATH: process.env['PATH'] ?? '' };
}

/** Regular files with mode and owner. */
async function filesOf(image: Artifact): Promise<readonly (readonly [string, number, number, string])[]> {
  const entries = await readEntries(exportFilesystem(image));
  return entries
    .filter(({ header }) => header.type === 'file')
    .map(({ header: { name, mode, uid }, body }) => [name, mode, uid, body] as const);
}
