import type { ConfigDocument, HealthcheckDocument } from '../../oci/document/config-document.ts';
import { type DocumentObject, unknownMembers } from '../../oci/document/struct.ts';
import { compareUtf8 } from '../../oci/json.ts';
import type { ContainerSummary, HealthcheckSummary } from './summary.ts';

/** What containers of an image start with. */
export function containerSummary({ config: settings = {} }: ConfigDocument): ContainerSummary {
  const { Env: env = [], ExposedPorts: ports, Volumes: volumes, Healthcheck: healthcheck } = settings;
  return {
    user: unlessEmpty(settings.User),
    workingDir: unlessEmpty(settings.WorkingDir),
    entrypoint: settings.Entrypoint,
    cmd: settings.Cmd,
    env,
    exposedPorts: sortedKeys(ports),
    volumes: sortedKeys(volumes),
    stopSignal: unlessEmpty(settings.StopSignal),
    shell: settings.Shell,
    onBuild: settings.OnBuild ?? [],
    healthcheck: healthcheck === undefined ? undefined : healthcheckSummary(healthcheck),
  };
}

function healthcheckSummary(document: HealthcheckDocument): HealthcheckSummary {
  const retries = Number(document.Retries ?? 0);
  return {
    test: document.Test ?? [],
    interval: seconds(document.Interval),
    timeout: seconds(document.Timeout),
    startPeriod: seconds(document.StartPeriod),
    startInterval: seconds(startIntervalOf(document)),
    retries: retries === 0 ? undefined : retries,
  };
}

/** Docker 25 has added it; crane would lose it. */
function startIntervalOf({ [unknownMembers]: members = [] }: DocumentObject): number | undefined {
  const member = members.find(({ name }) => name.toLowerCase() === '"startinterval"');
  const value = Number(member?.value);
  return Number.isFinite(value) ? value : undefined;
}

/** Of nanoseconds; zero leaves it to the engine. */
function seconds(nanoseconds: number | bigint = 0): number | undefined {
  const value = Number(nanoseconds) / 1e9;
  return value === 0 ? undefined : value;
}

function sortedKeys(set: ReadonlyMap<string, unknown> | undefined): readonly string[] {
  return Array.from(set?.keys() ?? []).sort(compareUtf8);
}

function unlessEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
