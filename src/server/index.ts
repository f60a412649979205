export { type StorageOfOptions, storageOf } from './any-storage.ts';
export { diskStorage } from './disk/disk-storage.ts';
export { registryHandler } from './handler.ts';
export { listen, type ListeningRegistry, type ListenOptions, type RequestRecord } from './listen.ts';
export { memoryStorage } from './memory-storage.ts';
export type { RegistryOptions } from './registry.ts';
export type {
  AppendOptions,
  RegistryRepository,
  RegistryStorage,
  StartUploadOptions,
  Upload,
  Uploads,
} from './storage.ts';
