import { nothing, bool, type FlagsOf, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';

/** Where a command that moves content reads, and where it writes. */
export type Side = 'source' | 'destination';

/** What can be told of one side: credentials for this one command, and how far its host is trusted. */
interface FlagsOfOneSide {
  readonly username: string;
  readonly password: string;
  readonly 'password-stdin': boolean;
  readonly insecure: boolean;
  readonly 'ca-file': string;
  readonly 'cert-file': string;
  readonly 'key-file': string;
}

/** `source-username`, `destination-ca-file` and so on. */
export type SideFlags = {
  readonly [K in keyof FlagsOfOneSide as `${Side}-${K}`]: FlagsOfOneSide[K];
};

export const sideFlags: FlagsOf<SideFlags> = {
  'source-username': string({ complete: nothing, description: 'User name for the registry of SRC' }),
  'source-password': string({
    complete: nothing,
    description: 'Password for --source-username; prefer --source-password-stdin',
  }),
  'source-password-stdin': bool({ description: 'Read the password for --source-username from standard input' }),
  'source-insecure': bool({ description: 'As --insecure, for the registry of SRC only' }),
  'source-ca-file': string({ description: 'Certificate authorities to trust for the registry of SRC, as a PEM file' }),
  'source-cert-file': string({ description: 'Client certificate for the registry of SRC, as a PEM file' }),
  'source-key-file': string({ description: 'Key of --source-cert-file, as a PEM file' }),
  'destination-username': string({ complete: nothing, description: 'User name for the registry of DST' }),
  'destination-password': string({
    complete: nothing,
    description: 'Password for --destination-username; prefer --destination-password-stdin',
  }),
  'destination-password-stdin': bool({
    description: 'Read the password for --destination-username from standard input',
  }),
  'destination-insecure': bool({ description: 'As --insecure, for the registry of DST only' }),
  'destination-ca-file': string({
    description: 'Certificate authorities to trust for the registry of DST, as a PEM file',
  }),
  'destination-cert-file': string({ description: 'Client certificate for the registry of DST, as a PEM file' }),
  'destination-key-file': string({ description: 'Key of --destination-cert-file, as a PEM file' }),
};

/** What was told of one side. */
export interface SideSettings {
  readonly side: Side;
  /** Empty when the stored credentials are meant. */
  readonly username: string;
  readonly password: string;
  readonly passwordStdin: boolean;
  readonly insecure: boolean;
  /** Paths; empty for none. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export type SidesSettings = Readonly<Partial<Record<Side, SideSettings>>>;

/**
 * The sides of which something was told.
 *
 * @throws {UsageError} for a password without a user, two passwords from standard input, a certificate without its key
 */
export function readSides(flags: SideFlags, globals: Globals): SidesSettings {
  const [source, destination] = [settingsOf(flags, 'source'), settingsOf(flags, 'destination')];
  const readers = [globals['password-stdin'], source.passwordStdin, destination.passwordStdin];
  if (readers.filter(Boolean).length > 1) throw new UsageError('standard input can hold one password only');
  if (globals.username !== '' && destination.username !== '') {
    throw new UsageError('--username is for the registry that is written to, and so is --destination-username');
  }
  return { ...(isEmpty(source) ? {} : { source }), ...(isEmpty(destination) ? {} : { destination }) };
}

function settingsOf(flags: SideFlags, side: Side): SideSettings {
  const settings = {
    side,
    username: flags[`${side}-username`],
    password: flags[`${side}-password`],
    passwordStdin: flags[`${side}-password-stdin`],
    insecure: flags[`${side}-insecure`],
    caFile: flags[`${side}-ca-file`],
    certFile: flags[`${side}-cert-file`],
    keyFile: flags[`${side}-key-file`],
  };
  const { username, password, passwordStdin, certFile, keyFile } = settings;
  if (username === '' && (password !== '' || passwordStdin)) {
    throw new UsageError(`a password needs a username: --${side}-username USER`);
  }
  if ((certFile === '') !== (keyFile === '')) {
    throw new UsageError(`--${side}-cert-file and --${side}-key-file are given together or not at all`);
  }
  return settings;
}

function isEmpty({ username, insecure, caFile, certFile }: SideSettings): boolean {
  return username === '' && !insecure && caFile === '' && certFile === '';
}
