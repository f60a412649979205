import type { Dialect } from './tools.ts';

/** What an operation works on. Everything that is written to is new in every run. */
export interface Scene {
  /** `127.0.0.1:PORT` of the registry that has the image as `IMAGE:1`. */
  readonly source: string;
  /** Another registry. */
  readonly sink: string;
  /** Its name, and that of its repository. */
  readonly image: ImageName;
  /** A repository that does not exist yet, or holds the image as `:other` for operations with `present`. */
  readonly repository: string;
  /** A path that does not exist yet. */
  readonly output: string;
  readonly layout: string;
  /** As a docker archive; of images whose name is among {@link inArchives} only. */
  readonly tarball: string;
  /** A plain tar of 240 MB, to be a layer; for operations with `needsPlainTar` only. */
  readonly plainTar: string;
  /** The address of a Docker engine; for operations with `engine` only. */
  readonly engine: string;
}

export type ImageName = 'large' | 'gibibyte' | 'twelve' | 'tree' | 'fifty';

/** Images that are also prepared as docker archives. */
export const inArchives: ReadonlySet<ImageName> = new Set(['large', 'gibibyte']);

export interface Operation {
  readonly name: string;
  /** The image is large enough that fewer runs tell enough. */
  readonly heavy: boolean;
  readonly image: ImageName;
  /** It leaves more behind than a line of output. */
  readonly writes: boolean;
  /** The blobs are in the target's repository before. */
  readonly present: boolean;
  /** Both registries are 50 ms away. @default they are on this machine */
  readonly far?: boolean;
  /** Whether the engine has the image before. @default no engine is needed */
  readonly engine?: 'has the image' | 'lacks the image';
  /** The tool that ours is compared with. @default crane */
  readonly beside?: Dialect;
  /** The most that we may take, as a part of what crane takes. @default none is set */
  readonly limit?: number;
  /** @default false */
  readonly needsPlainTar?: boolean;
  /** Also tells how many requests each tool sends to the registry, whose blobs then stay where they are. @default false */
  readonly countsRequests?: boolean;
  readonly commands: Readonly<Partial<Record<Dialect, (scene: Scene) => readonly string[]>>>;
}

type Commands = Operation['commands'];

const insecure = ['--insecure-policy', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false'];

const start: Commands = {
  crane: () => ['version'],
  skopeo: () => ['--version'],
  oras: () => ['version'],
  regctl: () => ['version'],
  node: () => ['-e', '0'],
};

const digest: Commands = {
  crane: (scene) => ['digest', sourceOf(scene)],
  skopeo: (scene) => ['inspect', '--tls-verify=false', '-n', '--format', '{{.Digest}}', `docker://${sourceOf(scene)}`],
  oras: (scene) => ['resolve', '--plain-http', sourceOf(scene)],
  regctl: (scene) => ['image', 'digest', sourceOf(scene)],
};

const manifest: Commands = {
  crane: (scene) => ['manifest', sourceOf(scene)],
  skopeo: (scene) => ['inspect', '--tls-verify=false', '--raw', `docker://${sourceOf(scene)}`],
  oras: (scene) => ['manifest', 'fetch', '--plain-http', sourceOf(scene)],
  regctl: (scene) => ['manifest', 'get', '--format', 'raw-body', sourceOf(scene)],
};

const list: Commands = {
  crane: ({ source, image }) => ['ls', `${source}/${image}`],
  skopeo: ({ source, image }) => ['list-tags', '--tls-verify=false', `docker://${source}/${image}`],
  oras: ({ source, image }) => ['repo', 'tags', '--plain-http', `${source}/${image}`],
  regctl: ({ source, image }) => ['tag', 'ls', `${source}/${image}`],
};

const pullTarball: Commands = {
  crane: (scene) => ['pull', sourceOf(scene), scene.output],
  skopeo: (scene) => [...insecure, `docker://${sourceOf(scene)}`, `docker-archive:${scene.output}:image.test/large:1`],
  regctl: (scene) => ['image', 'export', sourceOf(scene), scene.output],
};

const pullLegacy: Commands = {
  crane: (scene) => ['pull', '--format', 'legacy', sourceOf(scene), scene.output],
};

const pullLayout: Commands = {
  crane: (scene) => ['pull', '--format', 'oci', sourceOf(scene), scene.output],
  skopeo: (scene) => [...insecure, `docker://${sourceOf(scene)}`, `oci:${scene.output}:1`],
  oras: (scene) => ['cp', '--from-plain-http', sourceOf(scene), '--to-oci-layout', `${scene.output}:1`],
  regctl: (scene) => ['image', 'copy', sourceOf(scene), `ocidir://${scene.output}:1`],
};

const pushLayout: Commands = {
  crane: (scene) => ['push', scene.layout, targetOf(scene)],
  skopeo: (scene) => [...insecure, `oci:${scene.layout}:1`, `docker://${targetOf(scene)}`],
  oras: (scene) => ['cp', '--from-oci-layout', `${scene.layout}:1`, '--to-plain-http', targetOf(scene)],
  regctl: (scene) => ['image', 'copy', `ocidir://${scene.layout}:1`, targetOf(scene)],
};

const pushTarball: Commands = {
  crane: (scene) => ['push', scene.tarball, targetOf(scene)],
  skopeo: (scene) => [...insecure, `docker-archive:${scene.tarball}`, `docker://${targetOf(scene)}`],
};

const copy: Commands = {
  crane: (scene) => ['copy', sourceOf(scene), targetOf(scene)],
  skopeo: (scene) => [...insecure, `docker://${sourceOf(scene)}`, `docker://${targetOf(scene)}`],
  oras: (scene) => ['cp', '--from-plain-http', '--to-plain-http', sourceOf(scene), targetOf(scene)],
  regctl: (scene) => ['image', 'copy', sourceOf(scene), targetOf(scene)],
};

const flatten: Commands = { crane: (scene) => ['flatten', sourceOf(scene), '-t', targetOf(scene)] };
const exportFile: Commands = { crane: (scene) => ['export', sourceOf(scene), scene.output] };
const exportOutput: Commands = { crane: (scene) => ['export', sourceOf(scene), '-'] };
const validate: Commands = { crane: (scene) => ['validate', '--remote', sourceOf(scene)] };

const append: Commands = {
  crane: (scene) => ['append', '-b', sourceOf(scene), '-f', scene.plainTar, '-t', targetOf(scene)],
};

const unchecked = ['--insecure-policy', 'copy'];

const loadEngine: Commands = {
  crane: (scene) => ['copy', `oci:${scene.layout}`, inEngine(scene)],
  skopeo: (scene) => [...unchecked, '--dest-daemon-host', scene.engine, `oci:${scene.layout}`, inEngine(scene)],
};

const saveEngine: Commands = {
  crane: (scene) => ['copy', inEngine(scene), `oci:${scene.output}:1`],
  skopeo: (scene) => [...unchecked, '--src-daemon-host', scene.engine, inEngine(scene), `oci:${scene.output}:1`],
};

/** In its own repository, where everything but the new config and manifest is. */
const mutate: Commands = {
  crane: ({ source, image, repository }) => {
    return ['mutate', `${source}/${image}:1`, '-l', `run=${repository}`, '-t', `${source}/${image}:${repository}`];
  },
};

const reading = { image: 'large' as const, heavy: false, writes: false, present: false };
const surgery = { image: 'tree' as const, heavy: true, writes: true, present: false };

export const operations: readonly Operation[] = [
  { name: 'start (`version`)', ...reading, commands: start },
  { name: 'digest', ...reading, commands: digest },
  { name: 'manifest', ...reading, commands: manifest },
  { name: 'ls', ...reading, commands: list },
  { name: 'digest, 50 ms away', ...reading, far: true, commands: digest },
  { name: 'copy of 12 layers, 50 ms away', ...reading, image: 'twelve', writes: true, far: true, commands: copy },
  ...onImage('large', 'large', false),
  ...onImage('gibibyte', '1 GiB', true),
  ...withEngine('twelve', '3 MB'),
  ...withEngine('large', 'large'),
  ...withEngine('gibibyte', '1 GiB', true),
  { name: 'mutate, 50 layers', ...reading, image: 'fifty', writes: true, countsRequests: true, commands: mutate },
  { name: 'flatten, 410 MB of files', ...surgery, limit: 0.2, commands: flatten },
  { name: 'export to a file, 410 MB of files', ...surgery, limit: 0.7, commands: exportFile },
  { name: 'export to standard output, 410 MB of files', ...surgery, limit: 0.7, commands: exportOutput },
  { name: 'validate, 410 MB of files', ...surgery, limit: 0.6, commands: validate },
  {
    name: 'append of a plain tar of 240 MB',
    ...surgery,
    image: 'twelve',
    limit: 0.6,
    needsPlainTar: true,
    commands: append,
  },
];

function onImage(image: ImageName, label: string, heavy: boolean): readonly Operation[] {
  const common = { image, heavy, writes: true, present: false };
  return [
    { ...common, name: `pull tarball, ${label}`, commands: pullTarball },
    { ...common, name: `pull legacy, ${label}`, commands: pullLegacy },
    { ...common, name: `pull oci, ${label}`, commands: pullLayout },
    { ...common, name: `push layout, ${label}`, commands: pushLayout },
    { ...common, name: `push tarball, ${label}`, commands: pushTarball },
    { ...common, name: `copy, ${label}`, commands: copy },
    { ...common, name: `copy, blobs present, ${label}`, present: true, commands: copy },
  ];
}

function withEngine(image: ImageName, label: string, heavy = false): readonly Operation[] {
  const common = { image, heavy, writes: true, present: false, beside: 'skopeo' as const };
  return [
    { ...common, name: `load into a Docker engine, ${label}`, engine: 'lacks the image', commands: loadEngine },
    { ...common, name: `save from a Docker engine, ${label}`, engine: 'has the image', commands: saveEngine },
  ];
}

/** What the image is called in the engine. */
export function engineName({ image }: Pick<Scene, 'image'>): string {
  return `image.test/${image}:1`;
}

function inEngine(scene: Scene): string {
  return `docker-daemon:${engineName(scene)}`;
}

function sourceOf({ source, image }: Scene): string {
  return `${source}/${image}:1`;
}

function targetOf({ sink, repository }: Scene): string {
  return `${sink}/${repository}:1`;
}
