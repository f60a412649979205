import { quoted } from '../../errors.ts';
import type { HealthcheckEdit, HistoryStep, ImageEdit, MapEdit, SetEdit } from '../../ops/edit/image-edit.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Session } from '../session.ts';
import { buildTime, statedTime } from './build-time.ts';
import type { ImageFlags } from './image-flags.ts';

/** The edit that the flags mean. What is empty changes nothing, as with crane. @throws {UsageError} */
export function imageEditOf(flags: ImageFlags, session: Session): ImageEdit {
  const { entrypoint } = flags;
  const created = flags.created === '' ? undefined : statedTime(session, flags.created);
  return {
    annotations: mapEdit('annotation', flags.annotation, flags['unset-annotation']),
    labels: mapEdit('label', flags.label, flags['unset-label']),
    env: environmentEdit(flags),
    entrypoint: listEdit(entrypoint, flags['clear-entrypoint']),
    entrypointClearsCmd: entrypoint.length > 0 ? true : undefined,
    cmd: listEdit(flags.cmd, flags['clear-cmd']),
    user: textEdit(flags.user, flags['clear-user']),
    workdir: textEdit(flags.workdir, flags['clear-workdir']),
    exposedPorts: setEdit(flags['exposed-ports'], flags['clear-exposed-ports'], {
      add: flags['add-exposed-port'],
      remove: flags['remove-exposed-port'],
    }),
    platform: flags['set-platform'],
    volumes: setEdit([], flags['clear-volumes'], { add: flags.volume, remove: flags['remove-volume'] }),
    stopSignal: textEdit(flags['stop-signal'], flags['clear-stop-signal']),
    healthcheck: healthcheckEdit(flags),
    created: created?.toISOString(),
    author: textEdit(flags.author, flags['clear-author']),
    history: historyStep(flags, session),
  };
}

function mapEdit(what: string, set: ReadonlyMap<string, string>, unset: readonly string[]): MapEdit | undefined {
  if (set.size === 0 && unset.length === 0) return undefined;
  checkDistinct(what, set.keys(), unset);
  return { set, unset };
}

function environmentEdit({ env, 'unset-env': unset }: ImageFlags): ImageEdit['env'] {
  if (env.length === 0 && unset.length === 0) return undefined;
  checkDistinct(
    'variable',
    env.map(([name]) => name),
    unset,
  );
  return { set: env.map(([name, value]) => `${name}=${value}`), unset };
}

/** @throws {UsageError} for a name that is set and removed at once */
function checkDistinct(what: string, set: Iterable<string>, unset: readonly string[]): void {
  const removed = new Set(unset);
  for (const name of set)
    if (removed.has(name)) throw new UsageError(`the ${what} ${quoted(name)} is both set and removed`);
}

function listEdit(list: readonly string[], isCleared: boolean): readonly string[] | null | undefined {
  return isCleared ? null : list.length === 0 ? undefined : list;
}

function textEdit(text: string, isCleared: boolean): string | null | undefined {
  return isCleared ? null : text === '' ? undefined : text;
}

function setEdit(
  replaced: readonly string[],
  isCleared: boolean,
  { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
): SetEdit | undefined {
  const replace = isCleared || replaced.length > 0 ? replaced : undefined;
  return replace === undefined && add.length === 0 && remove.length === 0 ? undefined : { replace, add, remove };
}

function healthcheckEdit(flags: ImageFlags): HealthcheckEdit | null | undefined {
  const edit: HealthcheckEdit = {
    test: flags['healthcheck-cmd'],
    interval: flags['healthcheck-interval'],
    timeout: flags['healthcheck-timeout'],
    startPeriod: flags['healthcheck-start-period'],
    startInterval: flags['healthcheck-start-interval'],
    retries: flags['healthcheck-retries'],
  };
  const { test, ...others } = edit;
  const hasOthers = Object.values(others).some((value) => value !== undefined);
  if (hasOthers && (flags['clear-healthcheck'] || test?.[0] === 'NONE')) {
    throw new UsageError('where there are no health checks they have no times or retries');
  }
  if (flags['clear-healthcheck']) return null;
  return hasOthers || test !== undefined ? edit : undefined;
}

function historyStep({ history, created }: ImageFlags, session: Session): HistoryStep | undefined {
  if (history === '') return undefined;
  return { createdBy: history, created: buildTime(session, created).toISOString() };
}
