/** zstddec's declarations name this type of the browser's library, which we do not load. */
declare namespace WebAssembly {
  interface WebAssemblyInstantiatedSource {
    readonly instance: object;
  }
}
