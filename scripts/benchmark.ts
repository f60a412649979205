// `npm run bench`: our command line beside the peers that are on PATH, against two real registries.
//
//   --runs N          measured runs of each tool, a third of it for the 1 GiB image   (default 9)
//   --only WORD,…     operations whose name contains one of the words
//   --quick           3 runs, no 1 GiB image
//   --runtimes        ours on a newer Node and on Bun as well, where `npm test` has fetched them
//   --output FILE     also writes the table into this Markdown file, between markers

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { CachedImage } from '../test/support/cached-images.ts';
import { crane, succeeded } from '../test/support/command.ts';
import { type DockerEngine, startDockerEngine } from '../test/support/docker-engine.ts';
import { dockerRegistry, type RegistryServer, startDockerRegistry } from '../test/support/docker-registry.ts';
import { writeDockerTarball } from '../test/support/image-files.ts';
import { gibibyteImage, largeImage, twelveLayerImage } from '../test/support/large-image.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../test/support/temp-directory.ts';
import { fiftyLayerImage, treeImage, writeTreeTar } from '../test/support/tree-image.ts';
import { countRequests } from './benchmark/count-requests.ts';
import { type FarRegistries, farRegistries } from './benchmark/far-registries.ts';
import { measure, type Measurement } from './benchmark/measure.ts';
import {
  engineName,
  type ImageName,
  inArchives,
  type Operation,
  operations,
  type Scene,
} from './benchmark/operations.ts';
import { formatReport, type Row, writeReport } from './benchmark/report.ts';
import { findTools, type Tool } from './benchmark/tools.ts';

interface Stage {
  readonly work: TemporaryDirectory;
  readonly source: RegistryServer;
  readonly sink: RegistryServer;
  readonly far: FarRegistries;
  readonly images: ReadonlyMap<ImageName, CachedImage>;
  readonly env: NodeJS.ProcessEnv;
  /** `undefined` where no operation needs one. */
  readonly engine: DockerEngine | undefined;
}

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    runtimes: { type: 'boolean', default: false },
    output: { type: 'string', default: '' },
  },
});
const runs = Number(options.runs) || (options.quick ? 3 : 9);

const plainTar = 'plain-layer.tar';

const makers: Readonly<Record<ImageName, () => Promise<CachedImage>>> = {
  large: largeImage,
  gibibyte: gibibyteImage,
  twelve: twelveLayerImage,
  tree: () => treeImage(410),
  fifty: fiftyLayerImage,
};

await main();

async function main(): Promise<void> {
  if (!dockerRegistry.available) throw new Error(`docker-registry ${dockerRegistry.reason}`);
  const wanted = operations.filter(isChosen);
  const tools = findTools(options);
  const { engine, refusal } = await engineFor(wanted);
  const chosen = wanted.filter((operation) => operation.engine === undefined || engine !== undefined);
  const skipped = refusal === undefined ? [] : ['', `SKIP: what needs a Docker engine was not measured: ${refusal}.`];
  const stage = await prepare(chosen, engine);
  try {
    const rows: [Operation, Row][] = [];
    const requests = new Map<Operation, ReadonlyMap<string, number | string>>();
    for (const operation of chosen) {
      rows.push([operation, await runOperation(operation, tools, stage)]);
      if (operation.countsRequests === true) requests.set(operation, await countOperation(operation, tools, stage));
    }
    const text = formatReport({ tools, images: [...stage.images].map(describeImage), rows, requests, skipped });
    console.log(`\n${text}`);
    if (options.output !== '') writeReport(options.output, text);
  } finally {
    stage.far.stop();
    await Promise.all([stage.source.stop(), stage.sink.stop(), stage.engine?.stop()]);
    await stage.work.remove();
  }
}

function isChosen(operation: Operation): boolean {
  const words = options.only.split(',').filter((word) => word !== '');
  return (
    !(options.quick && operation.heavy) && (words.length === 0 || words.some((word) => operation.name.includes(word)))
  );
}

/** That of this machine's release: skopeo speaks an API that the newest refuse. */
async function engineFor(
  wanted: readonly Operation[],
): Promise<{ readonly engine?: DockerEngine; readonly refusal?: string }> {
  if (wanted.every((operation) => operation.engine === undefined)) return {};
  const engine = await startDockerEngine();
  return 'docker' in engine ? { engine } : { refusal: `${engine.name} ${engine.reason}` };
}

async function prepare(chosen: readonly Operation[], engine: DockerEngine | undefined): Promise<Stage> {
  const work = await temporaryDirectory();
  const [source, sink] = await Promise.all([startDockerRegistry(), startDockerRegistry()]);
  const far = await farRegistries([source.address, sink.address], work.path);
  const images = new Map<ImageName, CachedImage>();
  for (const name of new Set(chosen.map(({ image }) => image))) {
    console.log(`preparing the ${name} image`);
    const image = await makers[name]();
    if (inArchives.has(name)) {
      await writeDockerTarball(image, work.file(`${name}.tar`), { tag: `image.test/${name}:1`, compressed: true });
    }
    succeeded(await crane(['push', image.layout, `${source.address}/${name}:1`], { timeout: 300_000 }));
    images.set(name, image);
  }
  if (chosen.some(({ needsPlainTar = false }) => needsPlainTar)) await writeTreeTar(work.file(plainTar), 240);
  const addresses = [source.address, sink.address, ...far.addresses];
  const env = { ...environment(work, addresses), ...(engine === undefined ? {} : { DOCKER_HOST: engine.host }) };
  return { work, source, sink, far, images, env, engine };
}

/** Nobody's own settings; regctl has no flag for plain http that all its commands take. */
function environment(work: TemporaryDirectory, registries: readonly string[]): NodeJS.ProcessEnv {
  const hosts = registries.map((address) => [address, { tls: 'disabled', hostname: address }]);
  const regctl = work.file('regctl.json');
  writeFileSync(regctl, JSON.stringify({ hosts: Object.fromEntries(hosts) }));
  return { PATH: process.env['PATH'], HOME: work.path, DOCKER_CONFIG: work.file('docker'), REGCTL_CONFIG: regctl };
}

async function runOperation(operation: Operation, tools: readonly Tool[], stage: Stage): Promise<Row> {
  const able = tools.filter(({ dialect }) => operation.commands[dialect] !== undefined);
  const row = new Map<string, Measurement[] | string>(able.map(({ name }) => [name, []]));
  const count = operation.heavy ? Math.max(1, Math.ceil(runs / 3)) : runs;
  // The first round warms caches and does not count.
  for (let round = 0; round <= count; round += 1) {
    for (const tool of able) {
      const before = row.get(tool.name);
      if (!Array.isArray(before)) continue;
      const result = await runOnce(operation, tool, stage);
      if (typeof result === 'string') row.set(tool.name, result);
      else if (round > 0) before.push(result);
    }
    process.stdout.write(`\r${operation.name}: ${round} of ${count} runs `);
  }
  console.log();
  return row;
}

async function runOnce(operation: Operation, tool: Tool, stage: Stage): Promise<Measurement | string> {
  const build = operation.commands[tool.dialect];
  const scene = sceneOf(operation, stage);
  if (build === undefined) return 'not prepared';
  if (operation.present) {
    const other = `${stage.sink.address}/${scene.repository}:other`;
    succeeded(await crane(['push', scene.layout, other], { timeout: 300_000 }));
  }
  if (operation.engine !== undefined) await setEngine(operation.engine, scene, stage);
  // What earlier runs wrote is not to reach the disk while this one is measured.
  if (operation.writes) spawnSync('sync');
  try {
    return measure([...tool.command, ...build(scene)], stage.work.path, stage.env);
  } finally {
    rmSync(scene.output, { recursive: true, force: true });
  }
}

/** An engine knows layers of images without a name, too. */
async function setEngine(state: Operation['engine'], scene: Scene, { engine }: Stage): Promise<void> {
  if (engine === undefined) return;
  const name = engineName(scene);
  const isThere = (await engine.docker(['image', 'inspect', name])).code === 0;
  if (state === 'lacks the image') {
    await engine.docker(['image', 'rm', '--force', name]);
    succeeded(await engine.docker(['image', 'prune', '--all', '--force']));
  } else if (!isThere) {
    const env = { DOCKER_HOST: engine.host };
    succeeded(await crane(['copy', `oci:${scene.layout}`, `docker-daemon:${name}`], { timeout: 300_000, env }));
  }
}

function sceneOf({ image, far = false }: Operation, stage: Stage): Scene {
  const unique = randomBytes(6).toString('hex');
  const [source = '', sink = ''] = far ? stage.far.addresses : [stage.source.address, stage.sink.address];
  return {
    source,
    sink,
    image,
    repository: `target-${unique}`,
    output: stage.work.file(`out-${unique}`),
    layout: stage.images.get(image)?.layout ?? '',
    tarball: stage.work.file(`${image}.tar`),
    plainTar: stage.work.file(plainTar),
    engine: stage.engine?.host ?? '',
  };
}

async function countOperation(
  operation: Operation,
  tools: readonly Tool[],
  stage: Stage,
): Promise<ReadonlyMap<string, number | string>> {
  const counts = new Map<string, number | string>();
  for (const { name, dialect, command } of tools) {
    const build = operation.commands[dialect];
    if (build === undefined) continue;
    const scene = sceneOf(operation, stage);
    const commandFor = (source: string): readonly string[] => [...command, ...build({ ...scene, source })];
    counts.set(name, await countRequests(stage.source.address, commandFor, stage.env));
  }
  return counts;
}

function describeImage([name, image]: readonly [ImageName, CachedImage]): string {
  const size = image.layers.reduce((sum, layer) => sum + layer.size, 0);
  return `${name} has ${image.layers.length} ${image.layers.length === 1 ? 'layer' : 'layers'}, ${Math.round(size / 1_000_000)} MB`;
}
