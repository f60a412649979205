import { VerifiedStream } from '../content/verify.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { MemoryStore } from '../store/memory.ts';
import { MemoryUploads } from './memory-uploads.ts';
import type { RegistryRepository, RegistryStorage } from './storage.ts';

/** A registry that forgets everything with the process. Blobs belong to one repository; mounting shares their bytes. */
export function memoryStorage(): RegistryStorage {
  const stores = new Map<string, MemoryStore>();
  const sessions = new MemoryUploads();
  const repository = (name: string, content: MemoryStore): RegistryRepository => ({
    content,
    uploads: sessions.in(name, async (expected, spool, options) => {
      const target = { mediaType: mediaTypes.octetStream, ...expected };
      await content.push(target, VerifiedStream.proven(await spool.read(), expected), options);
    }),
    // Everything in a MemoryStore was verified when it came in.
    read: (target, range, options) => content.fetchRange(target, range?.start ?? 0, range?.end ?? target.size, options),
    async mount(digest, from, options) {
      const target = await from.content.stat({ mediaType: mediaTypes.octetStream, digest }, options);
      if (target === undefined) return false;
      const bytes = await from.read(target, undefined, options);
      await content.push(target, VerifiedStream.proven(bytes, target), options);
      return true;
    },
  });
  return {
    async find(name) {
      const content = stores.get(name);
      return content === undefined || content.isEmpty ? undefined : repository(name, content);
    },
    async create(name) {
      const content = stores.get(name) ?? new MemoryStore();
      stores.set(name, content);
      return repository(name, content);
    },
    async *repositories() {
      yield Array.from(stores.keys()).filter((name) => stores.get(name)?.isEmpty === false);
    },
  };
}
