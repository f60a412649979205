import { OciError, quoted } from '../../errors.ts';
import type {
  ConfigDocument,
  ContainerSettings,
  HealthcheckDocument,
  HistoryDocument,
} from '../../oci/document/config-document.ts';
import { withUnknown } from '../../oci/document/struct.ts';
import { normalizeTimestamp } from '../../oci/timestamp.ts';
import type { Platform } from '../../oci/platform.ts';
import { editedEnvironment, editedMap, editedSet } from './collections.ts';
import type { ConfigEdit, HealthcheckEdit, HistoryStep, ImageEdit } from './image-edit.ts';

/** Whether an edit names anything that stands in a config. */
export function editsConfig(edit: ImageEdit): boolean {
  // Whether an entrypoint clears the command means nothing without one.
  const others = new Set(['annotations', 'entrypointClearsCmd']);
  return Object.entries(edit).some(([key, change]) => !others.has(key) && change !== undefined);
}

/**
 * A config after an edit, in the order in which crane edits. crane-library reference, section 9.
 *
 * @throws {OciError} `INVALID_CONFIG` for times and environment variables that are none, and for a health check without a command
 */
export function editedConfig(before: ConfigDocument, edit: ConfigEdit): ConfigDocument {
  const { history } = edit;
  return {
    ...before,
    ...(edit.platform === undefined ? {} : platformOf(edit.platform)),
    author: changed(before.author, edit.author),
    created: edit.created === undefined ? before.created : checkedTime(edit.created),
    history: history === undefined ? before.history : [...(before.history ?? []), historyOf(history, true)],
    config: editedSettings(before.config ?? {}, edit, before.os ?? ''),
  };
}

/** A step of a history as the document has it. */
export function historyOf(step: HistoryStep, isEmptyLayer: boolean): HistoryDocument {
  const { created, createdBy, author, comment } = step;
  return {
    author,
    created: created === undefined ? undefined : checkedTime(created),
    created_by: createdBy,
    comment,
    empty_layer: isEmptyLayer,
  };
}

function platformOf(platform: Platform): ConfigDocument {
  const { os, architecture, variant } = platform;
  const features = platform['os.features'];
  return {
    os,
    architecture,
    variant,
    'os.version': platform['os.version'],
    ...(features === undefined ? {} : { 'os.features': features }),
  };
}

function editedSettings(before: ContainerSettings, edit: ConfigEdit, os: string): ContainerSettings {
  const clears = edit.entrypointClearsCmd === true && edit.entrypoint !== undefined;
  return {
    ...before,
    Labels: editedMap(before.Labels, edit.labels),
    Env: editedEnvironment(before.Env, edit.env, os),
    Entrypoint: changed(before.Entrypoint, edit.entrypoint),
    Cmd: changed(clears ? undefined : before.Cmd, edit.cmd),
    User: changed(before.User, edit.user),
    WorkingDir: changed(before.WorkingDir, edit.workdir),
    ExposedPorts: editedSet(before.ExposedPorts, edit.exposedPorts),
    Volumes: editedSet(before.Volumes, edit.volumes),
    StopSignal: changed(before.StopSignal, edit.stopSignal),
    Healthcheck: editedHealthcheck(before.Healthcheck, edit.healthcheck),
  };
}

function editedHealthcheck(
  before: HealthcheckDocument | undefined,
  edit: HealthcheckEdit | null | undefined,
): HealthcheckDocument | undefined {
  if (edit === undefined || edit === null) return changed(before, edit);
  const { startInterval } = edit;
  // Crane does not know it, and what it does not know stands behind the rest.
  const known =
    startInterval === undefined ? before : withUnknown(before ?? {}, 'StartInterval', String(startInterval));
  const after = {
    ...known,
    Test: changed(before?.Test, edit.test),
    Interval: changed(before?.Interval, edit.interval),
    Timeout: changed(before?.Timeout, edit.timeout),
    StartPeriod: changed(before?.StartPeriod, edit.startPeriod),
    Retries: changed(before?.Retries, edit.retries),
  };
  if ((after.Test ?? []).length > 0) return after;
  throw new OciError('INVALID_CONFIG', 'The image has no health check whose times or retries could be changed', {
    hint: 'Say by which command containers are checked, too',
  });
}

function changed<T>(before: T | undefined, after: T | null | undefined): T | undefined {
  return after === undefined ? before : (after ?? undefined);
}

function checkedTime(text: string): string {
  const time = normalizeTimestamp(text);
  if (time !== undefined) return time;
  throw new OciError('INVALID_CONFIG', `Invalid time ${quoted(text)}`, {
    hint: 'Write a time as RFC 3339 has it, for example 2024-05-01T12:00:00Z',
  });
}
