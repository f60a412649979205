import type { HistoryEntry, ImageConfig } from '../oci/image-config.ts';
import { encodeJson, type JsonValue, sortedByKey } from '../oci/json.ts';

export interface LegacyLayer {
  readonly id: string;
  readonly parent: string;
  readonly history: HistoryEntry | undefined;
  /** Of the top layer: the image's config as a document. */
  readonly config?: (ImageConfig & Readonly<Record<string, unknown>>) | undefined;
}

/**
 * The `json` file of a layer in Docker's first archive format, with the members and their order that crane writes.
 * crane-cli reference, section 13.2.
 */
export function legacyLayerJson({ id, parent, history, config }: LegacyLayer): Uint8Array {
  const created = config === undefined ? history?.created : config.created;
  return Buffer.from(
    encodeJson({
      architecture: config?.architecture ?? '',
      author: textOrNothing(history?.author),
      container: textOrNothing(config?.['container']),
      created: goTime(created),
      docker_version: textOrNothing(config?.['docker_version']),
      os: config?.os ?? '',
      rootfs: { type: '', diff_ids: null },
      config: containerConfig(config?.['config']),
      container_config: { Cmd: [history?.created_by ?? ''] },
      id: textOrNothing(id),
      parent: textOrNothing(parent),
      throwaway: history?.empty_layer === true ? true : undefined,
      comment: textOrNothing(history?.comment),
    }),
  );
}

/** Go drops zeros at the end of the fraction, and writes the first year for no time. crane-library reference, section 7.5. */
function goTime(time: string | undefined): string {
  if (time === undefined || time === '') return '0001-01-01T00:00:00Z';
  return time
    .replace(/(\.\d*?)0+(?=Z|[+-]\d\d:\d\d$)/, '$1')
    .replace(/\.(?=Z|[+-])/, '')
    .replace(/[+-]00:00$/, 'Z');
}

/** Known members in Go's order, those that are empty left out. crane-cli reference, section 8. */
function containerConfig(value: unknown): JsonValue {
  const source = isRecord(value) ? value : {};
  const result: Record<string, JsonValue | undefined> = {};
  for (const key of containerMembers) {
    const member = Object.hasOwn(source, key) ? source[key] : undefined;
    result[key] = key === 'Healthcheck' && isRecord(member) ? healthcheck(member) : presentOrNothing(member);
  }
  return result;
}

function healthcheck(source: Readonly<Record<string, unknown>>): JsonValue {
  const result: Record<string, JsonValue | undefined> = {};
  for (const key of ['Test', 'Interval', 'Timeout', 'StartPeriod', 'Retries'])
    result[key] = presentOrNothing(source[key]);
  return result;
}

const containerMembers = [
  'AttachStderr',
  'AttachStdin',
  'AttachStdout',
  'Cmd',
  'Healthcheck',
  'Domainname',
  'Entrypoint',
  'Env',
  'Hostname',
  'Image',
  'Labels',
  'OnBuild',
  'OpenStdin',
  'StdinOnce',
  'Tty',
  'User',
  'Volumes',
  'WorkingDir',
  'ExposedPorts',
  'ArgsEscaped',
  'NetworkDisabled',
  'MacAddress',
  'StopSignal',
  'Shell',
] as const;

function presentOrNothing(value: unknown): JsonValue | undefined {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : (value as readonly JsonValue[]);
  if (!isRecord(value)) return value as JsonValue;
  return Object.keys(value).length === 0 ? undefined : sortedByKey(value as Readonly<Record<string, JsonValue>>);
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
