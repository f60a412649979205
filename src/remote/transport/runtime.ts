/** Whether this is Node itself and not a runtime that imitates it: some speed-ups rest on how Node's streams are built. */
export function isNode(): boolean {
  return !('Bun' in globalThis) && !('Deno' in globalThis);
}
