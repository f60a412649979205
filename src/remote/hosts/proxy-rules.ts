import { BlockList, isIP } from 'node:net';
import { OciError } from '../../errors.ts';
import { isLoopback } from '../../oci/reference.ts';

/** Environment variables. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Tells which proxy a URL is reached through; `undefined` for none. */
export type ProxyRules = (url: URL) => URL | undefined;

/**
 * The rules that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` state, in capitals or small letters, as programs written in Go
 * read them: this machine is never reached through a proxy, and `NO_PROXY` lists domains (with those below them; with a leading
 * dot or `*.` only those below), addresses and CIDR blocks, each with an optional port, or is `*`.
 *
 * @returns `undefined` when no proxy is named
 * @throws {OciError} `INVALID_SETTINGS` for a proxy that is no URL, or of a kind that is not known
 */
export function environmentProxies(env: Variables): ProxyRules | undefined {
  const http = proxyIn(env, 'HTTP_PROXY');
  const https = proxyIn(env, 'HTTPS_PROXY');
  if (http === undefined && https === undefined) return undefined;
  const isExempt = exemptions(valueOf(env, 'NO_PROXY').value);
  return (url) => {
    const secure = url.protocol === 'https:';
    const proxy = secure ? https : http;
    if (proxy === undefined || isLoopback(url.hostname) || isExempt(url)) return undefined;
    if (!secure && isGateway(env)) throw httpoxy();
    return proxy;
  };
}

function valueOf(env: Variables, name: string): { readonly name: string; readonly value: string } {
  const small = name.toLowerCase();
  const large = env[name] ?? '';
  return large === '' ? { name: small, value: env[small] ?? '' } : { name, value: large };
}

function proxyIn(env: Variables, variable: string): URL | undefined {
  const { name, value } = valueOf(env, variable);
  if (value === '') return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  // What is wrong is not shown: it may hold a password.
  if (!URL.canParse(text)) throw unusable(name, 'it is no URL');
  const url = new URL(text);
  if (!proxyKinds.has(url.protocol)) throw unusable(name, `proxies of the kind ${url.protocol}// are not known`);
  if (url.hostname === '') throw unusable(name, 'it names no host');
  return url;
}

const proxyKinds: ReadonlySet<string> = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);

function unusable(name: string, why: string): OciError {
  return new OciError('INVALID_SETTINGS', `The proxy in ${name} cannot be used: ${why}`, {
    hint: 'Write it as http://proxy.example.com:3128, with user:password@ in front of the host if it wants a login',
  });
}

/** Web servers hand the header `Proxy` of a visitor to CGI programs as HTTP_PROXY. */
function isGateway(env: Variables): boolean {
  return (env['REQUEST_METHOD'] ?? '') !== '';
}

function httpoxy(): OciError {
  return new OciError('INVALID_SETTINGS', 'HTTP_PROXY is not used in a CGI program, where a visitor may have set it', {
    hint: 'Remove REQUEST_METHOD from the environment if this is none',
  });
}

type Test = (host: string, port: string) => boolean;

function exemptions(list: string): (url: URL) => boolean {
  const entries = list.split(',').map((entry) => entry.trim().toLowerCase());
  if (entries.includes('*')) return () => true;
  const tests = entries.map(exemptionOf).filter((test) => test !== undefined);
  return ({ hostname, port, protocol }) => {
    const host = bare(hostname.toLowerCase());
    return tests.some((test) => test(host, port === '' ? (protocol === 'https:' ? '443' : '80') : port));
  };
}

/** Reads one entry; what makes no sense exempts nothing. */
function exemptionOf(entry: string): Test | undefined {
  const block = blockOf(entry);
  if (block !== undefined) return (host) => checkIn(block, host);
  const [, name = '', port] = /^(\[[^\]]*\]|[^:]*):(\d*)$/.exec(entry) ?? [undefined, entry, ''];
  const host = bare(name);
  const fits = (actual: string): boolean => port === '' || port === actual;
  if (host === '') return undefined;
  if (isIP(host) !== 0) {
    const address = new BlockList();
    address.addAddress(host, familyOf(host));
    return (other, actual) => fits(actual) && checkIn(address, other);
  }
  const suffix = host.startsWith('*.') ? host.slice(1) : host.startsWith('.') ? host : `.${host}`;
  const itself = host.startsWith('*.') || host.startsWith('.') ? undefined : host;
  return (other, actual) => fits(actual) && (other === itself || other.endsWith(suffix));
}

function blockOf(entry: string): BlockList | undefined {
  const [, address = '', bits = ''] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const block = new BlockList();
  block.addSubnet(address, Number(bits), familyOf(address));
  return block;
}

function checkIn(list: BlockList, host: string): boolean {
  return isIP(host) !== 0 && list.check(host, familyOf(host));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

function bare(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
