import type { Digest } from '../digest.ts';
import { type Codec, digest, flag, integer, list, map, text, timestamp } from './codec.ts';
import { type DocumentFormat, documentFormat } from './document.ts';
import { always, type DocumentObject, struct, unlessEmpty } from './struct.ts';

/** How a container is asked whether it is well; durations in nanoseconds. */
export interface HealthcheckDocument extends DocumentObject {
  readonly Test?: readonly string[] | undefined;
  readonly Interval?: number | bigint | undefined;
  readonly Timeout?: number | bigint | undefined;
  readonly StartPeriod?: number | bigint | undefined;
  readonly Retries?: number | bigint | undefined;
}

/** A set of names, as JSON has it: each with an object that says nothing. */
export type NameSet = ReadonlyMap<string, DocumentObject>;

/** What containers of an image start with. OCI image-spec, config.md "config", and what Docker adds. */
export interface ContainerSettings extends DocumentObject {
  readonly AttachStderr?: boolean | undefined;
  readonly AttachStdin?: boolean | undefined;
  readonly AttachStdout?: boolean | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly Healthcheck?: HealthcheckDocument | undefined;
  readonly Domainname?: string | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Hostname?: string | undefined;
  readonly Image?: string | undefined;
  readonly Labels?: ReadonlyMap<string, string> | undefined;
  readonly OnBuild?: readonly string[] | undefined;
  readonly OpenStdin?: boolean | undefined;
  readonly StdinOnce?: boolean | undefined;
  readonly Tty?: boolean | undefined;
  readonly User?: string | undefined;
  readonly Volumes?: NameSet | undefined;
  readonly WorkingDir?: string | undefined;
  readonly ExposedPorts?: NameSet | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly NetworkDisabled?: boolean | undefined;
  readonly MacAddress?: string | undefined;
  readonly StopSignal?: string | undefined;
  readonly Shell?: readonly string[] | undefined;
}

/** One step of an image's history, to be edited. */
export interface HistoryDocument extends DocumentObject {
  readonly author?: string | undefined;
  /** RFC 3339. Missing is written as the year 1. */
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly comment?: string | undefined;
  /** Whether the step added no layer. */
  readonly empty_layer?: boolean | undefined;
}

export interface RootfsDocument extends DocumentObject {
  readonly type?: string | undefined;
  /** Missing is written as `null`. */
  readonly diff_ids?: readonly Digest[] | undefined;
}

/** An image's config, to be edited. OCI image-spec, config.md. */
export interface ConfigDocument extends DocumentObject {
  readonly architecture?: string | undefined;
  readonly author?: string | undefined;
  readonly container?: string | undefined;
  /** RFC 3339. Missing is written as the year 1. */
  readonly created?: string | undefined;
  readonly docker_version?: string | undefined;
  readonly history?: readonly HistoryDocument[] | undefined;
  readonly os?: string | undefined;
  readonly rootfs?: RootfsDocument | undefined;
  readonly config?: ContainerSettings | undefined;
  readonly 'os.version'?: string | undefined;
  readonly variant?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
}

// The order of members is crane's. crane-library reference, section 7.3.

const nameSet: Codec<NameSet> = map(struct<DocumentObject>({}));

const healthcheck: Codec<HealthcheckDocument> = struct<HealthcheckDocument>({
  Test: unlessEmpty(list(text)),
  Interval: unlessEmpty(integer),
  Timeout: unlessEmpty(integer),
  StartPeriod: unlessEmpty(integer),
  Retries: unlessEmpty(integer),
});

const settings: Codec<ContainerSettings> = struct<ContainerSettings>({
  AttachStderr: unlessEmpty(flag),
  AttachStdin: unlessEmpty(flag),
  AttachStdout: unlessEmpty(flag),
  Cmd: unlessEmpty(list(text)),
  Healthcheck: unlessEmpty(healthcheck),
  Domainname: unlessEmpty(text),
  Entrypoint: unlessEmpty(list(text)),
  Env: unlessEmpty(list(text)),
  Hostname: unlessEmpty(text),
  Image: unlessEmpty(text),
  Labels: unlessEmpty(map(text)),
  OnBuild: unlessEmpty(list(text)),
  OpenStdin: unlessEmpty(flag),
  StdinOnce: unlessEmpty(flag),
  Tty: unlessEmpty(flag),
  User: unlessEmpty(text),
  Volumes: unlessEmpty(nameSet),
  WorkingDir: unlessEmpty(text),
  ExposedPorts: unlessEmpty(nameSet),
  ArgsEscaped: unlessEmpty(flag),
  NetworkDisabled: unlessEmpty(flag),
  MacAddress: unlessEmpty(text),
  StopSignal: unlessEmpty(text),
  Shell: unlessEmpty(list(text)),
});

const history: Codec<HistoryDocument> = struct<HistoryDocument>({
  author: unlessEmpty(text),
  created: always(timestamp),
  created_by: unlessEmpty(text),
  comment: unlessEmpty(text),
  empty_layer: unlessEmpty(flag),
});

const rootfs: Codec<RootfsDocument> = struct<RootfsDocument>({
  type: always(text),
  diff_ids: always(list(digest)),
});

/** A history by itself, as crane writes it into the comment of a step that stands for all of them. */
export function encodeHistory(steps: readonly HistoryDocument[] | undefined): string {
  return steps === undefined ? 'null' : historySteps.encode(steps);
}

const historySteps = list(history);

/** Configs of images. */
export const configDocument: DocumentFormat<ConfigDocument> = documentFormat(
  struct<ConfigDocument>({
    architecture: always(text),
    author: unlessEmpty(text),
    container: unlessEmpty(text),
    created: always(timestamp),
    docker_version: unlessEmpty(text),
    history: unlessEmpty(historySteps),
    os: always(text),
    rootfs: always(rootfs),
    config: always(settings),
    'os.version': unlessEmpty(text),
    variant: unlessEmpty(text),
    'os.features': unlessEmpty(list(text)),
  }),
  'INVALID_CONFIG',
);
