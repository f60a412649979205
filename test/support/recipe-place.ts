import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { collect, streamOf } from '../../src/content/bytes.ts';
import { TarReader } from '../../src/content/tar/reader.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { formatPlatform, parsePlatform } from '../../src/oci/platform.ts';
import { copyGraph } from '../../src/ops/copy.ts';
import { imageManifestOf, rawManifestOf } from '../../src/ops/read.ts';
import { imageForPlatform } from '../../src/ops/resolve.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { builtImage, builtIndex } from './built-image.ts';
import { craneProgram, runCommand } from './command.ts';
import { tarOf } from './sample-image.ts';
import { temporaryDirectory } from './temp-directory.ts';

/** What came of a recipe. */
export interface Outcome {
  readonly code: number | null;
  /** Of standard output. */
  readonly lines: readonly string[];
  readonly stderr: string;
  /** Of the registry. */
  readonly host: string;
  /** What the registry has under a name. */
  at(this: void, repository: string, reference: string): Promise<Artifact>;
  /** A file, by its path from the working directory. */
  file(this: void, path: string): Promise<string>;
}

/**
 * Runs a script of docs/recipes.md in bash, in a new directory and against a new registry that has what recipes are about:
 * `alpine` for public images, and `registry.example.com` for the user's own. Both go when the outcome is disposed of.
 *
 * @param program the crane to use. @default ours, built
 */
export async function runRecipe(script: string, program: string = craneProgram): Promise<Outcome & AsyncDisposable> {
  const registry = await simulateRegistry({
    users: { me: { password: 'secret' } },
    anonymous: { pull: ['*'], push: ['*'], delete: ['*'] },
    tags: { google: true },
    now: () => 1_700_000_000_000,
  });
  await fill(registry);
  const directory = await temporaryDirectory();
  const [work, bin, home] = [directory.file('work'), directory.file('bin'), directory.file('home')];
  await Promise.all([bin, home, join(work, 'some-dir')].map((path) => mkdir(path, { recursive: true })));
  await writeFile(join(work, 'some-dir/entrypoint.sh'), '#!/bin/sh\necho started\n');
  await symlink(program, join(bin, 'crane'));
  await symlink(craneProgram.replace(/crane(\.\w+)$/, 'gcrane$1'), join(bin, 'gcrane'));
  await writeFile(join(bin, 'docker-credential-real'), `#!/bin/sh\necho '{"Username":"me","Secret":"secret"}'\n`);
  await chmod(join(bin, 'docker-credential-real'), 0o755);
  const env = { PATH: [bin, process.env['PATH']].join(delimiter), USERNAME: 'me', PASSWORD: 'secret' };
  const line = ['set -euo pipefail', withPlaces(script, registry.host)].join('\n');
  const { code, stdout, stderr } = await runCommand('bash', ['-c', line], { cwd: work, home, env });
  return {
    code,
    lines: stdout.split('\n').filter((text) => text !== ''),
    stderr,
    host: registry.host,
    async at(repository, reference) {
      const store = await registry.content(repository);
      return { store, root: await store.resolve(reference) };
    },
    file: (path) => readFile(join(work, path), 'utf8'),
    async [Symbol.asyncDispose]() {
      await directory.remove();
      await registry.close();
    },
  };
}

/** The image of an index for a platform. */
export async function platformOf(artifact: Artifact, platform: string): Promise<Artifact> {
  return imageForPlatform(artifact, parsePlatform(platform));
}

export async function entriesOf(artifact: Artifact): Promise<readonly Descriptor[]> {
  const bytes = await rawManifestOf(artifact);
  return (JSON.parse(Buffer.from(bytes).toString()) as { manifests: readonly Descriptor[] }).manifests;
}

export async function platformsOf(artifact: Artifact): Promise<readonly string[]> {
  return (await entriesOf(artifact)).map(({ platform }) => (platform === undefined ? '' : formatPlatform(platform)));
}

export async function layersOf(artifact: Artifact): Promise<readonly string[]> {
  return (await imageManifestOf(artifact)).layers.map(({ digest }) => digest);
}

/** The names in each layer. */
export async function filesOf(artifact: Artifact): Promise<readonly (readonly string[])[]> {
  const { layers } = await imageManifestOf(artifact);
  return Promise.all(layers.map((layer) => namesIn(artifact, layer)));
}

async function namesIn({ store }: Artifact, layer: Descriptor): Promise<readonly string[]> {
  const bytes = gunzipSync(await collect(await store.fetch(layer), 1_000_000));
  const names: string[] = [];
  for await (const { header } of new TarReader(streamOf(bytes))) names.push(header.name);
  return names;
}

/** Public images are in the registry, too, below `library/`. */
function withPlaces(script: string, host: string): string {
  return script
    .replaceAll(/(?<![\w./-])alpine(?=[:@ ])/g, `${host}/library/alpine`)
    .replaceAll('registry.example.com', host);
}

async function fill(registry: SimulatedRegistry): Promise<void> {
  for (const version of ['3.19', '3.20', 'edge']) await put(registry, 'library/alpine', version, await alpine(version));
  const bases = ['base 1', 'base 2'].map((text) => tarOf({ 'etc/base': text }));
  const [old = new Uint8Array(), now = new Uint8Array()] = bases;
  await put(registry, 'base', '1', await image([old]));
  await put(registry, 'base', '2', await image([now]));
  await put(registry, 'app', 'old', await image([old, tarOf({ 'app/start': 'app' })]));
  await put(registry, 'extra', 'v1', await image([tarOf({ extra: 'x' })], 'linux/s390x'));
  for (const name of ['api', 'web']) await put(registry, `team/${name}`, 'v1', await image([tarOf({ [name]: 'x' })]));
  // Only so does its layer get there, since copies leave such layers where they are.
  await put(registry, 'foreign', 'plain', await image([old]));
  await put(registry, 'foreign', 'v1', await foreign(old));
  await put(registry, 'project/app', 'v1', await image([tarOf({ tagged: 'x' })]));
  await put(registry, 'project/app', undefined, await image([old, tarOf({ 'app/start': 'app' })]));
}

async function put(
  registry: SimulatedRegistry,
  name: string,
  tag: string | undefined,
  { store, root }: Artifact,
): Promise<void> {
  await copyGraph(store, await registry.content(name), root, tag === undefined ? {} : { tag });
}

async function alpine(version: string): Promise<Artifact> {
  const store = new MemoryStore();
  const platforms = ['linux/amd64', 'linux/arm64', 'windows/amd64'];
  const images = platforms.map(async (platform) => {
    const users = version === '3.20' ? ['root', 'new'] : ['root'];
    const passwd = users.map((user) => `${user}:x:0:0::/:/bin/sh\n`).join('');
    const files = { 'etc/os-release': `alpine ${version} ${platform}\n`, 'etc/passwd': passwd };
    const tars = [tarOf(files)];
    return { image: await image(tars, platform, [`VERSION=${version}`], store), platform: parsePlatform(platform) };
  });
  return builtIndex(store, await Promise.all(images));
}

/** An image whose layer comes from somewhere else, and is in the registry all the same. */
async function foreign(tar: Uint8Array): Promise<Artifact> {
  const { store, root } = await image([tar]);
  const manifest = JSON.parse(Buffer.from(await rawManifestOf({ store, root })).toString()) as { layers: object[] };
  const where = { mediaType: mediaTypes.dockerForeignLayerGzip, urls: ['http://127.0.0.1:1/layer'] };
  const layers = manifest.layers.map((layer) => Object.assign(layer, where));
  const memory = new MemoryStore();
  await copyGraph(store, memory, root);
  return {
    store: memory,
    root: await memory.add(Buffer.from(JSON.stringify({ ...manifest, layers })), root.mediaType),
  };
}

function image(
  tars: readonly Uint8Array[],
  platform = 'linux/amd64',
  Env: readonly string[] = [],
  store?: MemoryStore,
): Promise<Artifact> {
  const history = tars.map(() => ({ created_by: 'test' }));
  return builtImage(
    { tars, family: 'docker', config: { ...parsePlatform(platform), config: { Env }, history } },
    store,
  );
}
