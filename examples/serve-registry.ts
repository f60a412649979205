// Runs a registry that keeps everything in a directory.
//
//   node scripts/run-typescript.mjs examples/serve-registry.ts ./registry 5000

import { diskStorage, listen, memoryStorage, openOrCreateLayout, registryHandler } from 'crane-oci';
import { type ListeningRegistry, storageOf } from 'crane-oci/server';

/** A registry for whatever calls a function with a `Request`: a framework, a test, another server. */
export function registryInMemory(): (request: Request) => Promise<Response> {
  return registryHandler(memoryStorage());
}

/** A registry with a server of its own, on the loopback address. */
export async function serveDirectory(directory: string, port: number): Promise<ListeningRegistry> {
  return listen({ storage: await diskStorage(directory), port });
}

/** An OCI image layout as the only repository of a registry: what is pushed lands in the layout. */
export async function serveLayout(directory: string, name: string): Promise<(request: Request) => Promise<Response>> {
  const layout = await openOrCreateLayout(directory);
  return registryHandler(storageOf((repository) => (repository === name ? layout : undefined)));
}

if (import.meta.filename === process.argv[1]) {
  const [directory = 'registry', port = '5000'] = process.argv.slice(2);
  const { url } = await serveDirectory(directory, Number(port));
  console.log(`The registry in ${directory} is at ${url}`);
}
