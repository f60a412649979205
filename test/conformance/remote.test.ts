import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { parseRepository } from '../../src/oci/reference.ts';
import { RemoteStore } from '../../src/remote/remote-store.ts';
import { createTransport, type Transport } from '../../src/remote/transport/transport.ts';
import { diskStorage } from '../../src/server/disk/disk-storage.ts';
import { listen } from '../../src/server/listen.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import { storageOf } from '../../src/server/any-storage.ts';
import { dockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { describeWith } from '../support/requirements.ts';
import { temporaryDirectory } from '../support/temp-directory.ts';
import { testContentStore } from './content-store.ts';
import type { ContentStoreSuiteOptions } from './suite-options.ts';

interface Server {
  readonly address: string;
  stop(): Promise<void>;
}

describe('over our registry in memory', () => {
  suite('RemoteStore over a memory registry', () => serve(memoryStorage()));
});

describe('over our registry on disk', () => {
  suite('RemoteStore over a disk registry', async () => {
    const directory = await temporaryDirectory();
    const server = await serve(await diskStorage(directory.path));
    return { address: server.address, stop: () => server.stop().then(() => directory.remove()) };
  });
});

describe('over our registry that serves another registry', () => {
  suite('RemoteStore over a registry over RemoteStore over a memory registry', async () => {
    const inner = await serve(memoryStorage());
    const transport = createTransport({ userAgent: 'test' });
    const stores = new Map<string, RemoteStore>();
    const outer = await serve(
      storageOf((name) => {
        const store =
          stores.get(name) ??
          new RemoteStore(parseRepository(`${inner.address}/${name}`), { transport, access: 'push' });
        stores.set(name, store);
        return store;
      }),
    );
    return {
      address: outer.address,
      async stop() {
        await outer.stop();
        transport.close();
        await inner.stop();
      },
    };
  });
});

describeWith([dockerRegistry], 'over distribution 2.8', () => {
  suite('RemoteStore over distribution', () => startDockerRegistry(), {
    without: {
      sha512: 'distribution 2.8 takes sha256 only',
      tagsAfter: 'distribution 2.8 lists tags in no order',
      deleteTag: 'distribution 2.8 deletes by digest only',
    },
  });
});

/** The contract of stores, each test in a repository of its own. */
function suite(name: string, start: () => Promise<Server>, options: ContentStoreSuiteOptions = {}): void {
  let server: Server;
  let transport: Transport;
  beforeAll(async () => {
    server = await start();
    transport = createTransport({ userAgent: 'crane-oci-test' });
  });
  afterAll(async () => {
    transport.close();
    await server.stop();
  });
  const open = (): RemoteStore =>
    new RemoteStore(parseRepository(`${server.address}/test/${randomBytes(6).toString('hex')}`), {
      transport,
      access: 'delete',
    });
  testContentStore(name, open, { ...options, openNeighbours: async () => [open(), open()] });
}

async function serve(storage: Parameters<typeof listen>[0]['storage']): Promise<Server> {
  const registry = await listen({ storage });
  return { address: `127.0.0.1:${registry.port}`, stop: () => registry.close() };
}
