import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runCommand } from '../../test/support/command.ts';

/**
 * How many requests a command line sends to a registry.
 *
 * @param commandFor the command line, for the address that the registry has here
 * @returns the last line of its errors when it fails
 */
export async function countRequests(
  registry: string,
  commandFor: (address: string) => readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number | string> {
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    count++;
    handOn(registry, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const [file = '', ...args] = commandFor(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    const { code, stderr } = await runCommand(file, args, { env });
    return code === 0 ? count : (stderr.trim().split('\n').at(-1) ?? 'failed');
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** With the name it was asked by, so that its redirects and locations lead back here. */
function handOn(registry: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers, url } = incoming;
  const [host, port] = registry.split(':');
  const onward = request({ host, port, method, headers, path: url }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}
