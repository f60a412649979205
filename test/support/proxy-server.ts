import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ProxyOptions {
  /** `user:password` that everybody has to show. @default nobody has to */
  readonly login?: string;
  /** What is answered instead of opening a tunnel. */
  readonly refuse?: number;
  /** Where names lead, as `host:port` to a port of this machine. @default where they say */
  readonly names?: Readonly<Record<string, string>>;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface ProxyServer extends AsyncDisposable {
  readonly url: string;
  /** `CONNECT host:port` and `GET http://host/path`, in the order they came. */
  readonly log: readonly string[];
}

/** A real little HTTP proxy on a free loopback port. */
export async function proxyServer({ login, refuse, names = {}, tls }: ProxyOptions = {}): Promise<ProxyServer> {
  const log: string[] = [];
  const sockets = new Set<Duplex>();
  const isWelcome = ({ headers }: IncomingMessage): boolean =>
    login === undefined || headers['proxy-authorization'] === `Basic ${Buffer.from(login).toString('base64')}`;
  const placeOf = (authority: string): { readonly host: string; readonly port: number } => {
    const { hostname, port } = new URL(`http://${names[authority] ?? authority}`);
    return { host: hostname, port: Number(port === '' ? 80 : port) };
  };
  const pass = (incoming: IncomingMessage, response: ServerResponse): void => {
    log.push(`${incoming.method} ${incoming.url}`);
    if (!isWelcome(incoming)) return void response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end('no');
    const url = new URL(incoming.url ?? '');
    const path = `${url.pathname}${url.search}`;
    const { method = 'GET', headers } = incoming;
    delete headers['proxy-authorization'];
    const onward = httpRequest({ ...placeOf(url.host), path, method, headers }, (answer) => {
      answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    onward.on('error', () => response.writeHead(502).end());
    incoming.pipe(onward);
  };
  const server = tls === undefined ? createServer(pass) : createSecureServer(tls, pass);
  server.on('connect', (incoming: IncomingMessage, near: Socket) => {
    log.push(`CONNECT ${incoming.url}`);
    const status = isWelcome(incoming) ? refuse : 407;
    if (status !== undefined) {
      near.end(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`);
      return;
    }
    const far = connect(placeOf(incoming.url ?? ''), () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n');
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    log,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
