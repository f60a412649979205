import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { parseRegistry } from '../../src/oci/reference.ts';
import type { Credential } from '../../src/remote/auth/credential.ts';
import type { Exchange, ExchangeRequest } from '../../src/remote/transport/exchange.ts';
import { nodeHttp } from '../../src/remote/transport/node-http.ts';
import type { RegistryRequest } from '../../src/remote/transport/registry-request.ts';
import type { TransportOptions } from '../../src/remote/transport/transport-options.ts';
import { Transport } from '../../src/remote/transport/transport.ts';
import { scriptedServer, type ScriptedAnswer, type ScriptedServer } from './scripted-server.ts';

export const ok: ScriptedAnswer = { status: 200, body: 'ok' };
export const me: Credential = { source: '/home/me/.docker/config.json', username: 'me', password: 'secret' };

export type Script = (request: ExchangeRequest) => ReturnType<Exchange>;

export function make(options: Partial<TransportOptions> = {}): Transport {
  return new Transport({ userAgent: 'crane-oci/test', sleep: async () => {}, ...options });
}

export function request(server: ScriptedServer): RegistryRequest {
  return { ...remoteRequest(), registry: server.registry };
}

export function remoteRequest(): RegistryRequest {
  return {
    registry: parseRegistry('registry.example'),
    method: 'GET',
    target: '/v2/app/x',
    repository: 'app',
    scopes: ['repository:app:pull'],
    purpose: 'try',
    expect: [200],
  };
}

export async function get(
  server: ScriptedServer,
  options: Partial<TransportOptions> = {},
  more: Partial<RegistryRequest> = {},
): Promise<void> {
  await make(options).perform({ ...request(server), ...more });
}

/** Hosts that cannot exist on a test machine are played by the exchange itself. */
export function faked(
  script: Script,
  options: Partial<TransportOptions> = {},
  mode: 'any' | 'http-only' = 'any',
): { readonly transport: Transport; readonly sent: readonly ExchangeRequest[] } {
  const sent: ExchangeRequest[] = [];
  const real = nodeHttp();
  const exchange: Exchange = async (sentRequest) => {
    sent.push(sentRequest);
    if (mode === 'http-only' && sentRequest.url.protocol === 'https:') {
      await using plain = await notTls();
      return await real({ ...sentRequest, url: new URL(`https://127.0.0.1:${plain.port}/`) });
    }
    return script(sentRequest);
  };
  return { transport: make({ exchange, ...options }), sent };
}

export async function answer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): ReturnType<Exchange> {
  return {
    status,
    headers: {
      get: (name) => headers[name],
      getAll: (name) => (headers[name] === undefined ? [] : [headers[name]]),
      entries: () => Object.entries(headers),
    },
    body: {
      async *[Symbol.asyncIterator]() {
        yield Buffer.from(body);
      },
      cancel: async () => {},
    },
  };
}

export function unauthorized(challenge: string): ScriptedAnswer {
  return { status: 401, headers: { 'www-authenticate': challenge } };
}

export function basic(user: string): string {
  return `Basic ${Buffer.from(user).toString('base64')}`;
}

export interface TokenScript {
  readonly token?: object;
  readonly post?: ScriptedAnswer;
  /** An authorization the token server refuses. */
  readonly refuse?: string;
}

export async function tokenServer({ token = { token: 'T' }, post, refuse }: TokenScript = {}): Promise<ScriptedServer> {
  return scriptedServer(({ url, method, headers }) => {
    if (url.pathname === '/token') {
      if (refuse !== undefined && headers.authorization === refuse) return { status: 401 };
      return method === 'POST' && post !== undefined ? post : { status: 200, body: JSON.stringify(token) };
    }
    return headers.authorization === 'Bearer T' ? ok : unauthorized('Bearer realm="/token",service="s"');
  });
}

export function tokenRequests(server: ScriptedServer): ScriptedServer['requests'] {
  return server.requests.filter(({ url }) => url.pathname === '/token');
}

export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}

export async function notTls(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createTcpServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
