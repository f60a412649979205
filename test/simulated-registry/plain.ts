import { registryOver } from '../../src/server/registry.ts';
import type { RegistryStorage } from '../../src/server/storage.ts';
import type { Handle } from './exchange.ts';

/** Our own registry, as the specification has it. */
export function plainRegistry(storage: RegistryStorage): Handle {
  const answer = registryOver(storage, { maxManifestSize: 64 * 1024 * 1024 });
  return async ({ method, path, query, signal, body, headers }) => {
    const header = (name: string): string | undefined => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    };
    return answer({ method, path, query, signal, body, header });
  };
}
