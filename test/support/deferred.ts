/** A promise that somebody else fulfils. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let fulfil: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => (fulfil = resolve));
  return { promise, resolve: (value) => fulfil?.(value) };
}
