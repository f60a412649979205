import type { Platform } from '../../oci/platform.ts';
import {
  nothing,
  bool,
  custom,
  type Flag,
  type FlagsOf,
  keyValue,
  string,
  strings,
  stringToString,
} from '../framework/flag.ts';
import { readPlatform } from '../platform-flag.ts';
import { parseDuration } from './duration.ts';

type Pairs = readonly (readonly [key: string, value: string])[];

/** What becomes of an image's config and annotations. */
export interface ImageFlags {
  readonly annotation: ReadonlyMap<string, string>;
  readonly label: ReadonlyMap<string, string>;
  readonly env: Pairs;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly user: string;
  readonly workdir: string;
  readonly 'exposed-ports': readonly string[];
  readonly 'set-platform': Platform | undefined;
  readonly 'unset-annotation': readonly string[];
  readonly 'unset-label': readonly string[];
  readonly 'unset-env': readonly string[];
  readonly 'clear-entrypoint': boolean;
  readonly 'clear-cmd': boolean;
  readonly 'clear-user': boolean;
  readonly 'clear-workdir': boolean;
  readonly 'add-exposed-port': readonly string[];
  readonly 'remove-exposed-port': readonly string[];
  readonly 'clear-exposed-ports': boolean;
  readonly volume: readonly string[];
  readonly 'remove-volume': readonly string[];
  readonly 'clear-volumes': boolean;
  readonly 'stop-signal': string;
  readonly 'clear-stop-signal': boolean;
  readonly 'healthcheck-cmd': readonly string[] | undefined;
  readonly 'healthcheck-interval': number | undefined;
  readonly 'healthcheck-timeout': number | undefined;
  readonly 'healthcheck-start-period': number | undefined;
  readonly 'healthcheck-start-interval': number | undefined;
  readonly 'healthcheck-retries': number | undefined;
  readonly 'clear-healthcheck': boolean;
  readonly created: string;
  readonly author: string;
  readonly 'clear-author': boolean;
  readonly history: string;
}

export const imageFlags: FlagsOf<ImageFlags> = {
  annotation: stringToString({ shorthand: 'a', description: 'Annotation of the manifest to set, as KEY=VALUE' }),
  label: stringToString({ shorthand: 'l', description: 'Label to set, as KEY=VALUE' }),
  env: keyValue({ shorthand: 'e', description: 'Environment variable to set, as NAME=VALUE' }),
  entrypoint: strings({ description: 'New entrypoint; the command, which was meant for the old one, goes' }),
  cmd: strings({ description: 'New command' }),
  user: string({ complete: nothing, shorthand: 'u', description: 'New user, as NAME, UID, NAME:GROUP or UID:GID' }),
  workdir: string({ complete: nothing, shorthand: 'w', description: 'New working directory' }),
  'exposed-ports': strings({ description: 'Ports to expose, instead of those that are exposed' }),
  'set-platform': custom<Platform | undefined>({
    description: 'New platform, as os/arch[/variant][:osversion]; of an index only one image can get it',
    valueName: 'string',
    initial: undefined,
    parse: readOnePlatform,
  }),
  'unset-annotation': strings({ description: 'Annotations to remove' }),
  'unset-label': strings({ description: 'Labels to remove' }),
  'unset-env': strings({ description: 'Environment variables to remove' }),
  'clear-entrypoint': bool({ description: 'Remove the entrypoint; the command stays' }),
  'clear-cmd': bool({ description: 'Remove the command' }),
  'clear-user': bool({ description: 'Remove the user' }),
  'clear-workdir': bool({ description: 'Remove the working directory' }),
  'add-exposed-port': strings({ description: 'Ports to expose beside those that are exposed' }),
  'remove-exposed-port': strings({ description: 'Ports to expose no more' }),
  'clear-exposed-ports': bool({ description: 'Expose no ports' }),
  volume: strings({ description: 'Paths to add to the volumes' }),
  'remove-volume': strings({ description: 'Paths to remove from the volumes' }),
  'clear-volumes': bool({ description: 'Remove all volumes' }),
  'stop-signal': string({ description: 'New signal that stops containers, for example SIGTERM' }),
  'clear-stop-signal': bool({ description: 'Remove the stop signal' }),
  'healthcheck-cmd': custom<readonly string[] | undefined>({
    description:
      'How to check containers: a line for the shell, a JSON list of a program and its arguments, or none for no checks',
    valueName: 'string',
    initial: undefined,
    parse: readHealthCommand,
  }),
  'healthcheck-interval': duration('Time between two checks, for example 30s'),
  'healthcheck-timeout': duration('Time after which a check has failed'),
  'healthcheck-start-period': duration('Time at the start in which failed checks do not count'),
  'healthcheck-start-interval': duration('Time between two checks during the start period'),
  'healthcheck-retries': custom<number | undefined>({
    description: 'Checks that fail in a row until a container is unhealthy',
    valueName: 'int',
    initial: undefined,
    parse: readRetries,
  }),
  'clear-healthcheck': bool({ description: 'Remove the health check' }),
  created: string({
    complete: nothing,
    description: 'New time of creation: 2026-11-22T10:00:00Z, 2026-11-22, or seconds since 1970',
  }),
  author: string({ complete: nothing, description: 'New author' }),
  'clear-author': bool({ description: 'Remove the author' }),
  history: string({
    description: 'Add a step with this text to the history; its time is --created, else SOURCE_DATE_EPOCH, else now',
  }),
};

/** Groups of flags that contradict each other. */
export const imageFlagGroups: readonly (readonly (keyof ImageFlags)[])[] = [
  ['entrypoint', 'clear-entrypoint'],
  ['cmd', 'clear-cmd'],
  ['user', 'clear-user'],
  ['workdir', 'clear-workdir'],
  ['exposed-ports', 'clear-exposed-ports'],
  ['stop-signal', 'clear-stop-signal'],
  ['healthcheck-cmd', 'clear-healthcheck'],
  ['author', 'clear-author'],
];

function duration(description: string): Flag<number | undefined> {
  return custom<number | undefined>({ description, valueName: 'duration', initial: undefined, parse: parseDuration });
}

function readOnePlatform(text: string): Platform | undefined {
  if (text === '') return undefined;
  // For --platform the word means every platform there is, and no image is for all of them.
  if (text.trim().toLowerCase() === 'all') throw new Error('an image is for one platform, for example linux/amd64');
  return readPlatform(text);
}

/** Docker's forms of a health check, as podman reads them. `[ -f /ready ]` is a line for the shell, too. */
function readHealthCommand(text: string): readonly string[] {
  if (text.trim() === '') throw new Error('the command is empty');
  if (text === 'none') return ['NONE'];
  const list = text.startsWith('[') ? readJson(text) : undefined;
  if (list === undefined) return ['CMD-SHELL', text];
  if (Array.isArray(list) && list.length > 0 && list.every((part) => typeof part === 'string')) return ['CMD', ...list];
  throw new Error('a JSON list holds a program and its arguments, as in ["curl","-f","http://localhost"]');
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readRetries(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error('it has to be a whole number from 0 on');
}
