import { OciError, quoted } from '../../errors.ts';

/** What an entry's name says of lower layers. OCI image-spec, layer.md "Whiteouts". */
export type Mark =
  | { readonly kind: 'whiteout'; readonly path: string }
  /** All that lies in `path` is hidden, not `path` itself. */
  | { readonly kind: 'opaque'; readonly path: string }
  /** Names that AUFS kept for itself. Hard links of old images may lead to them, but nothing of them is shown. */
  | { readonly kind: 'private' };

/**
 * @param path a clean path
 * @throws {OciError} `INVALID_ARCHIVE` for a whiteout of nothing
 */
export function markOf(path: string): Mark | undefined {
  if (!path.includes(prefix)) return undefined;
  const slash = path.lastIndexOf('/');
  const base = path.slice(slash + 1);
  if (base === '.wh..wh..opq') return { kind: 'opaque', path: path.slice(0, Math.max(0, slash)) };
  if (path.startsWith('.wh..wh.') || base.startsWith('.wh..wh.')) return { kind: 'private' };
  if (!base.startsWith(prefix)) return undefined;
  const name = base.slice(prefix.length);
  if (name === '' || name === '.' || name === '..') {
    throw new OciError('INVALID_ARCHIVE', `The whiteout ${quoted(path)} names nothing that it could hide`);
  }
  return { kind: 'whiteout', path: path.slice(0, slash + 1) + name };
}

const prefix = '.wh.';

/** The name of the entry that hides a path in lower layers. */
export function whiteoutOf(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}${prefix}${path.slice(slash)}`;
}

/** The name of the entry that hides what lies in a directory of lower layers. */
export function opaqueMarkOf(path: string): string {
  return `${path === '' ? '' : `${path}/`}.wh..wh..opq`;
}
