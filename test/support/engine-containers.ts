import { request } from 'node:http';

/** What is asked of an engine beside images, over its own API: `docker` and `podman` need not be there. */
export interface EngineContainers {
  /** What a command prints in a container without network; the container is gone afterwards. */
  run(image: string, script: string): Promise<string>;
  /** The tar archive of a container's file system, which was never started. */
  export(image: string): Promise<Buffer>;
  /** What the engine says of an image. */
  inspect(image: string): Promise<InspectedImage>;
  remove(image: string): Promise<void>;
  /** Lets the engine itself get an image from a registry. */
  pull(image: string): Promise<void>;
}

export interface InspectedImage {
  readonly Id: string;
  readonly RootFS: { readonly Layers: readonly string[] };
}

/** @param host as `DOCKER_HOST` has it: a unix socket */
export function engineContainers(host: string): EngineContainers {
  const ask = (method: string, path: string, body?: object): Promise<Buffer> =>
    call(host.slice('unix://'.length), method, path, body);
  const create = async (image: string, command: readonly string[]): Promise<string> => {
    const settings = { Image: image, Cmd: command, Tty: true, HostConfig: { NetworkMode: 'none', Ulimits: limits } };
    return (JSON.parse(String(await ask('POST', '/containers/create', settings))) as { Id: string }).Id;
  };
  const within = async (id: string, work: () => Promise<Buffer>): Promise<Buffer> => {
    try {
      return await work();
    } finally {
      await ask('DELETE', `/containers/${id}?force=1`);
    }
  };
  return {
    async run(image, script) {
      const id = await create(image, ['sh', '-c', script]);
      const output = await within(id, async () => {
        await ask('POST', `/containers/${id}/start`);
        await ask('POST', `/containers/${id}/wait`);
        return ask('GET', `/containers/${id}/logs?stdout=1&stderr=1`);
      });
      return String(output).replaceAll('\r\n', '\n');
    },
    async export(image) {
      const id = await create(image, ['/bin/none']);
      return within(id, () => ask('GET', `/containers/${id}/export`));
    },
    inspect: async (image) => JSON.parse(String(await ask('GET', `/images/${image}/json`))) as InspectedImage,
    async remove(image) {
      await ask('DELETE', `/images/${image}?force=1`);
    },
    async pull(image) {
      const messages = String(await ask('POST', `/images/create?fromImage=${encodeURIComponent(image)}`));
      if (messages.includes('"error"')) throw new Error(`pull of ${image}: ${messages}`);
    },
  };
}

/** podman asks for more than what containers may have where tests run in one. */
const limits = ['nofile', 'nproc'].map((Name) => ({ Name, Soft: 1024, Hard: 1024 }));

async function call(socketPath: string, method: string, path: string, body?: object): Promise<Buffer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path: `/v1.41${path}`, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', reject);
      incoming.once('end', () => {
        const answer = Buffer.concat(chunks);
        if ((incoming.statusCode ?? 500) < 300) resolve(answer);
        else reject(new Error(`${method} ${path}: ${incoming.statusCode} ${String(answer)}`));
      });
    });
    outgoing.once('error', reject).end(text);
  });
}
