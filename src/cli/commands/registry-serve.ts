import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFault } from '../../content/file-fault.ts';
import { messageOf, OciError, quoted } from '../../errors.ts';
import type { ListeningRegistry, RequestRecord } from '../../server/listen.ts';
import type { RegistryStorage } from '../../server/storage.ts';
import { none } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, string } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  description:
    'Serve an OCI registry over plain HTTP until interrupted. Content is kept in memory, or with --disk in a directory, where it survives restarts. The registry has no authentication; it listens on 127.0.0.1 unless --address says otherwise, where :PORT means all addresses. The address is printed on standard output, requests are logged on standard error.',
  examples: 'crane registry serve --address 127.0.0.1:5000 --disk ./registry',
  arguments: none,
  flags: {
    address: string({ description: 'HOST:PORT to listen on (default 127.0.0.1 with $PORT, else a free port)' }),
    disk: string({ description: 'Directory to keep content in' }),
    'blobs-to-disk': bool({ description: 'Keep content in a temporary directory', deprecated: 'use --disk' }),
  },
  exclusive: [['disk', 'blobs-to-disk']],
  async run({ flags, context: session }) {
    const { host, port } = readAddress(flags.address, session.process.env['PORT']);
    const storage = await openStorage(session, flags.disk, flags['blobs-to-disk']);
    const registry = await start(session, storage, host, port);
    session.log.line(`serving on port ${registry.port}`);
    const shown = host.includes(':') ? `[${host}]` : host === '' ? '0.0.0.0' : host;
    await session.print(`${shown}:${registry.port}\n`);
    await aborted(session.signal);
    session.log.line('shutting down...');
    await registry.close();
  },
});

function readAddress(
  address: string,
  portVariable: string | undefined,
): { readonly host: string; readonly port: number } {
  if (address === '') return { host: '127.0.0.1', port: readPort(portVariable ?? '0', '$PORT') };
  const colon = address.lastIndexOf(':');
  if (colon < 0) {
    throw new OciError('INVALID_REFERENCE', `Invalid address ${quoted(address)}: the port is missing`, {
      hint: 'Write HOST:PORT',
    });
  }
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: readPort(address.slice(colon + 1), '--address') };
}

function readPort(text: string, where: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new OciError('INVALID_REFERENCE', `Invalid port ${quoted(text)} in ${where}`, {
    hint: 'A port is a number from 0 to 65535',
  });
}

async function openStorage(session: Session, directory: string, temporary: boolean): Promise<RegistryStorage> {
  if (directory === '' && !temporary) return (await import('../../server/memory-storage.ts')).memoryStorage();
  const { diskStorage } = await import('../../server/disk/disk-storage.ts');
  const path = directory === '' ? await temporaryDirectory(session) : directory;
  session.log.line(`storing blobs in ${path}`);
  return diskStorage(path).catch((error: unknown) => {
    throw fileFault(error, 'make the directory', path);
  });
}

async function temporaryDirectory(session: Session): Promise<string> {
  const prefix = join(tmpdir(), 'crane-registry-');
  const path = await mkdtemp(prefix).catch((error: unknown) => {
    throw fileFault(error, 'write', prefix);
  });
  session.use({ [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) });
  return path;
}

async function start(
  session: Session,
  storage: RegistryStorage,
  host: string,
  port: number,
): Promise<ListeningRegistry> {
  const { listen } = await import('../../server/listen.ts');
  try {
    // An empty host is every address, as in Go.
    return await listen({
      storage,
      host: host === '' ? '::' : host,
      port,
      onRequest: (record) => logRequest(session, record),
    });
  } catch (cause) {
    throw new OciError('NETWORK', `Cannot listen on ${quoted(`${host}:${port}`)}: ${reasonOf(cause)}`, {
      cause,
      hint: 'Choose another port, or 0 for a free one',
    });
  }
}

/** Without the code, the call and the address that Node puts around it. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^\w+ E[A-Z]+: (.*?)(?: \S*:\d+)?$/, '$1');
}

function logRequest({ log }: Session, { method, url, status, error }: RequestRecord): void {
  log.line(error === undefined ? `${method} ${url}` : `${method} ${url} ${status} ${error.code} ${error.message}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
