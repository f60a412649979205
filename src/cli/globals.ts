import { nothing, bool, count, custom, type FlagsOf, string } from './framework/flag.ts';
import { type PlatformChoice, platformFlag } from './platform-flag.ts';
import { isProgressMode, type ProgressMode, progressModes } from './progress/mode.ts';

/** Flags that every command knows. */
export interface PersistentFlags {
  readonly 'allow-nondistributable-artifacts': boolean;
  /** Paths of PEM files; empty for none. */
  readonly 'ca-file': string;
  readonly 'cert-file': string;
  readonly 'key-file': string;
  /** A file with settings of hosts; empty for the usual place. */
  readonly config: string;
  readonly 'create-repository': boolean;
  readonly insecure: boolean;
  /** `undefined` for what is set for each registry, else the library's default. */
  readonly 'max-connections-per-blob': number | undefined;
  /** `undefined` for `all`. */
  readonly platform: PlatformChoice | undefined;
  readonly progress: ProgressMode;
  readonly quiet: boolean;
  /** 1 with `-v`, 2 with `-vv`. */
  readonly verbose: number;
}

/** Flags that stand in front of the command's name only: credentials for this one command. */
export interface LeadingFlags {
  readonly username: string;
  readonly password: string;
  readonly 'password-stdin': boolean;
}

export type Globals = PersistentFlags & LeadingFlags;

export const persistentFlags: FlagsOf<PersistentFlags> = {
  'allow-nondistributable-artifacts': bool({ description: 'Push non-distributable (foreign) layers, too' }),
  'ca-file': string({ description: 'Certificate authorities to trust beside the others, as a PEM file' }),
  'cert-file': string({ description: 'Client certificate for registries that ask for one, as a PEM file' }),
  config: string({ description: 'File with settings of hosts (default is crane-oci/config.yaml below ~/.config)' }),
  'create-repository': bool({
    description:
      'Create a repository that is missing before pushing to it; for registries of AWS, where a push does not',
  }),
  insecure: bool({ description: 'Do not verify TLS certificates, and allow plain HTTP to any registry' }),
  'key-file': string({ description: 'Key of --cert-file, as a PEM file' }),
  'max-connections-per-blob': custom<number | undefined>({
    description: 'Most connections to fetch one large blob over, where that is faster; 1 turns it off',
    valueName: 'int',
    initial: undefined,
    shownDefault: '4',
    parse: readConnections,
  }),
  platform: platformFlag,
  progress: custom<ProgressMode>({
    description:
      'How to show progress on standard error: auto, bars, plain, json or none; auto means bars on a terminal',
    valueName: 'mode',
    initial: 'auto',
    shownDefault: '"auto"',
    parse: readProgressMode,
    complete: () => progressModes,
  }),
  quiet: bool({
    shorthand: 'q',
    description: 'Print nothing on standard error but warnings, errors and what other flags ask for',
  }),
  verbose: count({
    shorthand: 'v',
    description: 'Show requests and responses on standard error; -vv with their headers',
  }),
};

export const leadingFlags: FlagsOf<LeadingFlags> = {
  username: string({
    complete: nothing,
    shorthand: 'u',
    description: 'User name for this one command; goes before its name',
  }),
  password: string({
    complete: nothing,
    shorthand: 'p',
    description: 'Password for --username; prefer --password-stdin',
  }),
  'password-stdin': bool({ description: 'Read the password for --username from standard input' }),
};

function readProgressMode(text: string): ProgressMode {
  if (isProgressMode(text)) return text;
  throw new Error(`it has to be one of ${progressModes.join(', ')}`);
}

function readConnections(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new Error('it has to be a whole number from 1 to 99');
}
