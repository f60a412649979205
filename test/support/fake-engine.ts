import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describeBytes } from '../../src/content/hash.ts';
import { TarReader } from '../../src/content/tar/reader.ts';
import { collect } from '../../src/content/bytes.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { Sample } from '../conformance/samples.ts';
import { hexOf, type LayeredImage, layoutFiles, tarOf } from './sample-image.ts';

/** Whose habits it has: Docker to 24, from 25 on, with containerd's image store, or podman. */
export type EngineKind = 'docker-20' | 'docker-25' | 'containerd' | 'podman';

export interface FakeEngineOptions {
  /** Where it listens. @default a free TCP port */
  readonly socket?: string;
  readonly tls?: ServerOptions;
  readonly kind?: EngineKind;
  /** @default 1.41, with containerd 1.48 */
  readonly apiVersion?: string;
  /** Answers some requests in its own way, and says whether it did. */
  readonly instead?: (what: string, response: ServerResponse, request: IncomingMessage) => boolean | Promise<boolean>;
}

/** An image that the engine has. `index` is what containerd keeps it under, when that is more than the image. */
export interface KeptImage {
  readonly image: LayeredImage;
  readonly index?: Sample | undefined;
  /** Other images of the index that are there. */
  readonly others?: readonly LayeredImage[] | undefined;
}

/** A server that speaks the part of Docker's API that images come and go by. */
export interface FakeEngine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** By name with tag. */
  readonly images: Map<string, KeptImage>;
  /** Tags that were given: `ID -> repository:tag`. */
  readonly tagged: string[];
  /** What was loaded, file by file. */
  readonly loads: ReadonlyMap<string, Buffer>[];
  /** `GET /images/app:1/json` and so on, without the version. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
}

export async function fakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const { socket, tls, kind = 'docker-20' } = options;
  const state = {
    images: new Map<string, KeptImage>(),
    tagged: [] as string[],
    loads: [] as ReadonlyMap<string, Buffer>[],
    requests: [] as string[],
    headers: [] as IncomingMessage['headers'][],
    ids: new Map<string, string>(),
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(state, kind, options, request, response).catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (socket === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(socket, resolve);
  });
  const host = socket === undefined ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${socket}`;
  return {
    ...state,
    host,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface State {
  readonly images: Map<string, KeptImage>;
  readonly tagged: string[];
  readonly loads: ReadonlyMap<string, Buffer>[];
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
  /** IDs of what was loaded, by name and by themselves. */
  readonly ids: Map<string, string>;
}

async function answer(
  state: State,
  kind: EngineKind,
  { apiVersion = kind === 'containerd' ? '1.48' : '1.41', instead }: FakeEngineOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '', 'http://engine');
  const path = decodeURIComponent(url.pathname.replace(/^\/v[\d.]+/, ''));
  const what = `${request.method} ${path}`;
  state.requests.push(what);
  state.headers.push(request.headers);
  response.setHeader('api-version', apiVersion);
  if (kind === 'podman') response.setHeader('libpod-api-version', '4.3.1');
  if ((await instead?.(what, response, request)) === true) return;
  const [, inspected] = /^GET \/images\/(.*)\/json$/.exec(what) ?? [];
  const [, tagged] = /^POST \/images\/(.*)\/tag$/.exec(what) ?? [];
  if (path === '/_ping') response.end('OK');
  else if (path === '/info') json(response, 200, { DriverStatus: driverStatus(kind) });
  else if (path === '/images/json') {
    json(response, 200, [
      { RepoTags: ['<none>:<none>'] },
      { RepoTags: null },
      ...Array.from(state.images, ([name, kept]) => ({
        Id: idOf(kept, kind),
        RepoTags: [name],
        Created: 1_700_000_000,
        Size: 12_345,
      })),
    ]);
  } else if (inspected !== undefined) inspect(state, kind, inspected, response);
  else if (path === '/images/get') await save(state, kind, url.searchParams.get('names') ?? '', response);
  else if (path === '/images/load') await load(state, kind, request, response);
  else if (tagged !== undefined) {
    const name = `${url.searchParams.get('repo')}:${url.searchParams.get('tag')}`;
    state.tagged.push(`${tagged} -> ${name}`);
    state.ids.set(name, tagged);
    response.writeHead(201).end();
  } else json(response, 404, { message: 'page not found' });
}

function driverStatus(kind: EngineKind): readonly (readonly string[])[] {
  return kind === 'containerd' ? [['driver-type', 'io.containerd.snapshotter.v1']] : [['Backing Filesystem', 'extfs']];
}

function inspect(state: State, kind: EngineKind, name: string, response: ServerResponse): void {
  const found = find(state, kind, name);
  // What was loaded takes the place of what had the name.
  const id = state.ids.get(name) ?? (found && idOf(found, kind));
  if (id === undefined) return json(response, 404, { message: `No such image: ${name}` });
  const kept = kind === 'containerd' ? keptManifests(found, id) : {};
  const size = found?.image.tars.reduce((sum, tar) => sum + tar.length, 0) ?? 0;
  const layers = found === undefined ? [] : diffIdsOf(found.image);
  const RootFS = { Type: 'layers', Layers: layers };
  json(response, 200, { Id: id, RepoTags: [name], RepoDigests: null, Size: size, RootFS, ...kept });
}

/** As of API 1.48. */
function keptManifests(found: KeptImage | undefined, id: string): object {
  if (found === undefined) return { Descriptor: { mediaType: '', digest: id, size: 1 } };
  const { image, index, others = [] } = found;
  if (index === undefined) return { Descriptor: image.target };
  const there = new Set([image, ...others].map(({ target }) => target.digest));
  const { manifests } = JSON.parse(Buffer.from(index.bytes).toString()) as { manifests: Descriptor[] };
  return {
    Descriptor: index.target,
    Manifests: manifests.map((child) => ({
      ID: child.digest,
      Descriptor: child,
      Available: there.has(child.digest),
      Kind: 'image',
    })),
  };
}

function diffIdsOf({ tars }: LayeredImage): readonly string[] {
  return tars.map((tar) => describeBytes(tar, mediaTypes.ociLayer).digest);
}

function find({ images }: State, kind: EngineKind, name: string): KeptImage | undefined {
  return images.get(name) ?? Array.from(images.values()).find((kept) => idOf(kept, kind) === name);
}

function idOf({ image, index }: KeptImage, kind: EngineKind): string {
  return kind === 'containerd' ? (index ?? image).target.digest : image.config.target.digest;
}

async function save(state: State, kind: EngineKind, name: string, response: ServerResponse): Promise<void> {
  const kept = find(state, kind, name);
  if (kept === undefined) return json(response, 404, { message: 'reference does not exist' });
  const archive = tarOf(filesOf(kept, kind, name));
  for (let at = 0; at < archive.length; at += 10_000) response.write(archive.subarray(at, at + 10_000));
  response.end();
}

/** The files of an archive as this engine saves it. */
function filesOf(kept: KeptImage, kind: EngineKind, name: string): Record<string, string | Uint8Array> {
  const { image, index, others = [] } = kept;
  if (kind === 'containerd') {
    const all: Sample[] = [];
    for (const one of [image, ...others]) all.push(one, ...one.blobs);
    return layoutFiles(index === undefined ? all : [index, ...all], { [name]: index ?? image });
  }
  const diffIds = image.tars.map((tar) => describeBytes(tar, mediaTypes.ociLayer));
  if (kind === 'docker-25') {
    const blob = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
    const sources = Object.fromEntries(diffIds.map((layer) => [layer.digest, layer]));
    const config = image.config.target.digest;
    return {
      ...Object.fromEntries(diffIds.map(({ digest }, i) => [blob(digest), image.tars[i] ?? ''])),
      [blob(config)]: image.config.bytes,
      'index.json': '{"schemaVersion":2,"manifests":[]}',
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'manifest.json': JSON.stringify([
        {
          Config: blob(config),
          RepoTags: null,
          Layers: diffIds.map(({ digest }) => blob(digest)),
          LayerSources: sources,
        },
      ]),
    };
  }
  const layers = diffIds.map(({ digest }) => `${digest.slice(7)}/layer.tar`);
  return {
    [`${hexOf(image.config)}.json`]: image.config.bytes,
    ...Object.fromEntries(
      layers.flatMap((path, i) => [
        [path.replace('layer.tar', 'VERSION'), '1.0'],
        [path, image.tars[i] ?? ''],
      ]),
    ),
    'manifest.json': JSON.stringify([{ Config: `${hexOf(image.config)}.json`, RepoTags: null, Layers: layers }]),
  };
}

async function load(state: State, kind: EngineKind, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const files = new Map<string, Buffer>();
  try {
    for await (const { header, body } of new TarReader(request))
      files.set(header.name, Buffer.from(await collect(body, 1e9)));
  } catch {
    response.write(`${JSON.stringify({ status: 'Loading layer', progressDetail: {} })}\r\n`);
    response.end(`${JSON.stringify({ errorDetail: { message: 'unexpected EOF' }, error: 'unexpected EOF' })}\r\n`);
    return;
  }
  const missing = kind === 'containerd' ? undefined : missingLayer(state, kind, files);
  if (missing !== undefined) {
    const error = `open /var/lib/docker/tmp/docker-import-1/${missing}: no such file or directory`;
    response.end(`${JSON.stringify({ errorDetail: { message: error }, error })}\r\n`);
    return;
  }
  state.loads.push(files);
  const [name, id] = kind === 'containerd' ? nameInLayout(files) : nameInDockerArchive(files);
  state.ids.set(id, id);
  if (name !== undefined) state.ids.set(name, id);
  response.write(`${JSON.stringify({ status: 'Loading layer', progressDetail: { current: 1, total: 2 } })}\r\n`);
  response.end(
    `${JSON.stringify({ stream: name === undefined ? `Loaded image ID: ${id}\n` : `Loaded image: ${name}\n` })}\r\n`,
  );
}

/** Docker opens the file of a layer when it has no such layer on top of the same ones; podman always. */
function missingLayer({ images }: State, kind: EngineKind, files: ReadonlyMap<string, Buffer>): string | undefined {
  const [entry] = JSON.parse(files.get('manifest.json')?.toString() ?? '') as { Config: string; Layers?: string[] }[];
  const config = files.get(entry?.Config ?? '')?.toString() ?? '{}';
  const diffIds = (JSON.parse(config) as { rootfs?: { diff_ids: string[] } }).rootfs?.diff_ids ?? [];
  const known = kind === 'podman' ? [] : Array.from(images.values(), ({ image }) => diffIdsOf(image).join());
  return entry?.Layers?.find((name, i) => {
    const chain = diffIds.slice(0, i + 1).join();
    return !files.has(name) && !known.some((other) => `${other},`.startsWith(`${chain},`));
  });
}

function nameInDockerArchive(files: ReadonlyMap<string, Buffer>): readonly [name: string | undefined, id: string] {
  const [entry] = JSON.parse(files.get('manifest.json')?.toString() ?? '') as {
    Config: string;
    RepoTags: string[] | null;
  }[];
  return [entry?.RepoTags?.[0], entry?.Config ?? ''];
}

function nameInLayout(files: ReadonlyMap<string, Buffer>): readonly [name: string | undefined, id: string] {
  const { manifests } = JSON.parse(files.get('index.json')?.toString() ?? '') as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  return [manifests[0]?.annotations?.['io.containerd.image.name'], manifests[0]?.digest ?? ''];
}

function json(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(document)}\n`);
}
