import { createServer, type Server, type Socket, connect } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A TCP proxy between a client and a server that are far from each other. */
export interface SlowProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Connections since it was started. */
  readonly connections: number;
  close(): Promise<void>;
}

export interface SlowProxyOptions {
  /** Milliseconds that bytes need in each direction; a round trip takes twice as long. @default 25 */
  readonly delay?: number;
}

/**
 * Hands bytes on after a delay, in their order and without a limit of bandwidth. Opening a connection costs nothing, so that
 * what is measured are round trips of the protocol above.
 */
export async function startSlowProxy(target: string, { delay = 25 }: SlowProxyOptions = {}): Promise<SlowProxy> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections++;
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    delayed(client, upstream, delay);
    delayed(upstream, client, delay);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> => closeAll(server, sockets);
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** More than this on its way makes the sender wait, as a full pipe does. */
const maxInFlight = 64 * 1024 * 1024;

function delayed(from: Socket, to: Socket, delay: number): void {
  let inFlight = 0;
  from.on('data', (chunk: Buffer) => {
    inFlight += chunk.byteLength;
    if (inFlight > maxInFlight) from.pause();
    setTimeout(() => {
      inFlight -= chunk.byteLength;
      if (inFlight <= maxInFlight) from.resume();
      if (to.writable) to.write(chunk);
    }, delay);
  });
  from.on('end', () => setTimeout(() => to.end(), delay));
}

async function closeAll(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
