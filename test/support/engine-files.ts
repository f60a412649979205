import type { LayerEntry } from './layer-stack.ts';

/** Names that engines put into every container. */
export const addedByEngines: RegExp =
  /^(?:\.dockerenv|dev(?:\/(?:console|pts|shm|mqueue))?|proc|sys|run(?:\/(?:\.containerenv|secrets))?|etc(?:\/(?:hostname|hosts|mtab|resolv\.conf))?)$/;

/**
 * What engines and we might see differently. Of a name twice in one layer, of a link with another mode
 * than its target, and of directories without an entry everybody thinks differently.
 */
export const trickyLayers: readonly (readonly LayerEntry[])[] = [
  [
    { name: 'etc/', type: 'directory', mode: 0o755 },
    { name: 'etc/kept', body: 'kept', uid: 7, gid: 8, mode: 0o4755 },
    { name: 'etc/gone', body: 'x' },
    { name: 'opaque/', type: 'directory', mode: 0o700 },
    { name: 'opaque/old', body: 'x' },
    { name: 'becomes-file/', type: 'directory', mode: 0o755 },
    { name: 'becomes-file/x', body: 'x' },
    { name: 'becomes-directory', body: 'x' },
    { name: 'linked', body: 'one' },
    { name: 'link', type: 'hardlink', linkname: 'linked' },
    { name: 'lib', type: 'symlink', linkname: 'usr/lib' },
    { name: 'usr/', type: 'directory', mode: 0o755 },
    { name: 'usr/lib/', type: 'directory', mode: 0o755 },
  ],
  [
    { name: 'etc/.wh.gone' },
    { name: 'opaque/', type: 'directory', mode: 0o750 },
    { name: 'opaque/.wh..wh..opq' },
    { name: 'opaque/new', body: 'new' },
    { name: 'becomes-file', body: 'file' },
    { name: 'becomes-directory/', type: 'directory', mode: 0o711 },
    { name: 'becomes-directory/x', body: 'x' },
    { name: 'linked', body: 'two' },
    { name: 'late', type: 'hardlink', linkname: 'etc/kept', uid: 7, gid: 8, mode: 0o4755 },
    { name: 'dangling', type: 'symlink', linkname: '../../nowhere' },
    { name: 'device', type: 'character-device', devmajor: 1, devminor: 3 },
    { name: 'n'.repeat(120), body: 'long' },
  ],
  [{ name: 'again/', type: 'directory', mode: 0o755 }, { name: 'etc/gone', body: 'back' }, { name: '.wh.link' }],
];
