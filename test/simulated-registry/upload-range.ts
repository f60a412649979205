import type { UploadQuirks } from './quirks.ts';

/** how a registry states that it has so many bytes of an upload. */
export function rangeHeader(
  mode: UploadQuirks['range'] = 'exact',
  method: 'POST' | 'PATCH' | 'PUT' | 'GET' | 416,
  size: number,
): string | undefined {
  const exact = `0-${Math.max(size - 1, 0)}`;
  switch (mode) {
    case 'missing':
      return undefined;
    case 'bytes-prefix':
      return `bytes=${exact}`;
    case 'off-by-one':
      // Quay's: one too few for nothing, one too many when asked, right in between.
      if (method === 'POST') return 'bytes=0--1';
      if (method === 'GET') return `bytes=0-${size}`;
      return method === 416 ? `0-${size}` : `0-${size - 1}`;
    default:
      return exact;
  }
}
