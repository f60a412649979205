import { OciError, quoted } from '../errors.ts';

/** Where an engine listens, and how it is reached. */
export type EngineAddress = SocketAddress | TcpAddress | CommandAddress;

/** A unix socket, or a named pipe of Windows. */
export interface SocketAddress {
  readonly kind: 'socket';
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
  /** What is put in front of the API's paths. @default nothing */
  readonly prefix?: string | undefined;
  /** @default plain http */
  readonly tls?: EngineTls | undefined;
}

/** How the engine proves itself, and how we do. PEM texts. */
export interface EngineTls {
  /** @default the runtime's authorities */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Accept any certificate. @default false */
  readonly insecure?: boolean | undefined;
}

/** A program whose standard input and output are a connection to the engine, as `docker system dial-stdio` at the end of ssh. */
export interface CommandAddress {
  readonly kind: 'command';
  readonly program: string;
  readonly args: readonly string[];
  /** @default an empty environment */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What messages call the place. */
  readonly name: string;
}

/** What {@link parseEngineAddress} puts into addresses of its kind. */
export interface EngineAddressOptions {
  /** With it tcp addresses speak TLS. */
  readonly tls?: EngineTls | undefined;
  /** For the ssh program of `ssh://`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Reads what `DOCKER_HOST` and `docker context` take: `unix://PATH`, `npipe://PIPE`, `tcp://HOST[:PORT][/PREFIX]`,
 * `http://`, `https://` and `ssh://[USER@]HOST[:PORT][/SOCKET]`. The ports are Docker's: 2375, with TLS 2376.
 *
 * @throws {OciError} `INVALID_SETTINGS`
 */
export function parseEngineAddress(text: string, options: EngineAddressOptions = {}): EngineAddress {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case 'unix':
      if (rest.startsWith('/')) return { kind: 'socket', path: rest };
      throw invalid(text, 'the path of a socket starts with a slash', 'Write unix:///path/of/the.sock');
    case 'npipe':
      return { kind: 'socket', path: rest.replaceAll('/', '\\') };
    case 'tcp':
    case 'http':
    case 'https':
      return tcpAddress(text, scheme, options.tls);
    case 'ssh':
      return sshAddress(text, options.env);
    default:
      throw invalid(
        text,
        'it has none of the known schemes',
        'Write unix:///path, tcp://host:port, ssh://user@host or npipe:////./pipe/name',
      );
  }
}

/** What messages call an engine's place: the text that {@link parseEngineAddress} reads. */
export function formatEngineAddress(address: EngineAddress): string {
  switch (address.kind) {
    case 'socket':
      return address.path.startsWith('\\') ? `npipe://${address.path.replaceAll('\\', '/')}` : `unix://${address.path}`;
    case 'tcp':
      return `tcp://${authorityOf(address)}`;
    case 'command':
      return address.name;
    default:
      return address satisfies never;
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function authorityOf({ host, port }: TcpAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function tcpAddress(text: string, scheme: string, tls: EngineTls | undefined): TcpAddress {
  const url = urlOf(text, text.replace(/^[a-z]+/, 'http'));
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      text,
      'it has a user, whom engines do not know',
      'Engines know their users by certificates: DOCKER_CERT_PATH',
    );
  }
  const used = tls ?? (scheme === 'https' ? {} : undefined);
  // A URL parser leaves the port out where it is that of http.
  const given = url.port || (/:80(?:\/|$)/.test(text.slice(6)) ? '80' : '');
  const port = given === '' ? (used === undefined ? 2375 : 2376) : Number(given);
  const prefix = url.pathname.replace(/\/+$/, '');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    kind: 'tcp',
    host,
    port,
    ...(prefix === '' ? {} : { prefix }),
    ...(used === undefined ? {} : { tls: used }),
  };
}

/** Docker runs the same: `ssh -- HOST docker system dial-stdio`. */
function sshAddress(text: string, env: CommandAddress['env']): CommandAddress {
  const url = urlOf(text, text.replace(/^ssh/, 'http'));
  if (url.password !== '') {
    throw new OciError('INVALID_SETTINGS', 'The address of the Docker engine has a password, which ssh does not take', {
      hint: 'Use a key: ssh://user@host',
    });
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const user = decodeURIComponent(url.username);
  if (host.startsWith('-') || user.startsWith('-')) throw invalid(text, 'a name may not start with a dash');
  const port = url.port || (/:80(?:\/|$)/.test(text.slice(6)) ? '80' : '');
  const socket = url.pathname === '/' || url.pathname === '' ? undefined : decodeURIComponent(url.pathname);
  // The far side's shell reads this word.
  if (socket !== undefined && !/^[\w./-]+$/.test(socket)) throw invalid(text, 'its path has unusual characters');
  const args = [
    '-o',
    'ConnectTimeout=30',
    '-T',
    ...(user === '' ? [] : ['-l', user]),
    ...(port === '' ? [] : ['-p', port]),
    '--',
    host,
    'docker',
    ...(socket === undefined ? [] : ['--host', `unix://${socket}`]),
    'system',
    'dial-stdio',
  ];
  return { kind: 'command', program: 'ssh', args, env, name: text };
}

function urlOf(text: string, spelt: string): URL {
  const url = URL.canParse(spelt) ? new URL(spelt) : undefined;
  if (url !== undefined && url.hostname !== '' && url.search === '' && url.hash === '') return url;
  throw invalid(text, 'it names no host that can be', 'Write tcp://host:port or ssh://user@host');
}

function invalid(
  text: string,
  why: string,
  hint = 'Write tcp://host:port, or ssh://user@host[/path/of/the.sock]',
): OciError {
  // Credentials do not belong there, and some put them there.
  const shown = text.replace(/^([a-z]+:\/\/)?.*@/s, '$1…@').replace(/\?.*$/s, '?…');
  return new OciError('INVALID_SETTINGS', `Invalid address of a Docker engine ${quoted(shown)}: ${why}`, { hint });
}
