/**
 * Largest manifest or index that is read, in bytes. The distribution-spec asks registries to take 4 MiB; twice that leaves
 * room for those that take more, and an index of thousands of platforms fits.
 */
export const maxManifestSize: number = 8 * 1024 * 1024;

/** Largest image config that is read into memory, in bytes. Real ones are below 100 KiB; build caches reach a few MiB. */
export const maxConfigSize: number = 16 * 1024 * 1024;
