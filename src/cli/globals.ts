import { messageOf } from '../errors.ts';
import { parsePlatform, type Platform } from '../oci/platform.ts';
import { bool, count, custom, type FlagsOf, string } from './framework/flag.ts';
import { isProgressMode, type ProgressMode, progressModes } from './progress/mode.ts';

/** Flags that every command knows. */
export interface PersistentFlags {
  readonly 'allow-nondistributable-artifacts': boolean;
  readonly insecure: boolean;
  /** `undefined` for what is set for each registry, else the library's default. */
  readonly 'max-connections-per-blob': number | undefined;
  /** `undefined` for `all`. */
  readonly platform: Platform | undefined;
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

const commonPlatforms = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/s390x',
  'linux/ppc64le',
  'windows/amd64',
  'all',
];

export const persistentFlags: FlagsOf<PersistentFlags> = {
  'allow-nondistributable-artifacts': bool({ description: 'Push non-distributable (foreign) layers, too' }),
  insecure: bool({ description: 'Do not verify TLS certificates, and allow plain HTTP to any registry' }),
  'max-connections-per-blob': custom<number | undefined>({
    description: 'Most connections to fetch one large blob over, where that is faster; 1 turns it off',
    valueName: 'int',
    initial: undefined,
    shownDefault: '4',
    parse: readConnections,
  }),
  platform: custom<Platform | undefined>({
    description: 'Image to choose from an index, as os/arch[/variant][:osversion]',
    valueName: 'platform',
    initial: undefined,
    shownDefault: 'all',
    parse: readPlatform,
    complete: () => commonPlatforms,
  }),
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
  username: string({ shorthand: 'u', description: 'User name for this one command; goes before its name' }),
  password: string({
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

function readPlatform(text: string): Platform | undefined {
  if (text === 'all') return undefined;
  try {
    return parsePlatform(text);
  } catch (error) {
    // The framework names flag and value itself.
    throw new Error(messageOf(error).replace(/^Invalid platform "(?:[^"\\]|\\.)*": /, ''), { cause: error });
  }
}
