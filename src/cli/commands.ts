import type { CommandEntry } from './framework/command.ts';
import type { Globals } from './globals.ts';
import type { Session } from './session.ts';

/** The commands of crane. What a line imports is loaded when the command is called. */
export const craneCommands: readonly CommandEntry<Session, Globals>[] = [
  {
    name: 'append',
    summary: 'Put archives, directories and files on an image as layers',
    load: () => import('./commands/append.ts'),
  },
  {
    name: 'auth',
    summary: 'Log in to registries, log out, show credentials',
    load: () => import('./commands/auth.ts'),
    subcommands: [
      {
        name: 'explain',
        summary: 'Show where credentials for a registry come from',
        load: () => import('./commands/auth-explain.ts'),
      },
      { name: 'get', summary: 'Print the credentials for a registry', load: () => import('./commands/auth-get.ts') },
      { name: 'login', summary: 'Store credentials for a registry', load: () => import('./commands/auth-login.ts') },
      {
        name: 'logout',
        summary: 'Remove the credentials for a registry',
        load: () => import('./commands/auth-logout.ts'),
      },
      {
        name: 'token',
        summary: 'Print an access token for a repository',
        load: () => import('./commands/auth-token.ts'),
      },
    ],
  },
  {
    name: 'base',
    summary: 'Print which base an image stands on, and whether there is a newer one',
    load: () => import('./commands/base.ts'),
  },
  { name: 'blob', summary: 'Write a blob to standard output', load: () => import('./commands/blob.ts') },
  { name: 'catalog', summary: 'List the repositories of a registry', load: () => import('./commands/catalog.ts') },
  { name: 'config', summary: 'Print the config of an image', load: () => import('./commands/config.ts') },
  {
    name: 'convert',
    summary: 'Give an image the media types of OCI or Docker',
    load: () => import('./commands/convert.ts'),
  },
  {
    name: 'copy',
    aliases: ['cp'],
    summary: 'Copy an image and keep its digest',
    load: () => import('./commands/copy.ts'),
  },
  {
    name: 'delete',
    summary: 'Delete a tag or a manifest from its registry',
    load: () => import('./commands/delete.ts'),
  },
  { name: 'digest', summary: 'Print the digest of an image', load: () => import('./commands/digest.ts') },
  {
    name: 'edit',
    summary: 'Edit a config, a manifest or one file of an image',
    load: () => import('./commands/edit.ts'),
    subcommands: [
      { name: 'config', summary: 'Edit the config of an image', load: () => import('./commands/edit-config.ts') },
      { name: 'fs', summary: 'Edit one file of an image', load: () => import('./commands/edit-fs.ts') },
      { name: 'manifest', summary: 'Edit a manifest or index', load: () => import('./commands/edit-manifest.ts') },
    ],
  },
  {
    name: 'export',
    summary: 'Write the file system of an image as a tarball',
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'flatten',
    summary: 'Make one layer of all layers of an image',
    load: () => import('./commands/flatten.ts'),
  },
  {
    name: 'index',
    summary: 'Add, remove, keep or list images of an index',
    load: () => import('./commands/index-usage.ts'),
    subcommands: [
      { name: 'append', summary: 'List more images in an index', load: () => import('./commands/index-append.ts') },
      {
        name: 'filter',
        summary: 'Keep only some platforms of an index',
        load: () => import('./commands/index-filter.ts'),
      },
      { name: 'list', summary: 'List the entries of an index', load: () => import('./commands/index-list.ts') },
      {
        name: 'remove',
        aliases: ['rm'],
        summary: 'Remove entries from an index',
        load: () => import('./commands/index-remove.ts'),
      },
    ],
  },
  {
    name: 'inspect',
    summary: 'Sum up an image: platforms, sizes, config, labels, history',
    load: () => import('./commands/inspect.ts'),
  },
  {
    name: 'layout',
    summary: 'Work on an OCI layout',
    subcommands: [
      { name: 'gc', summary: 'Delete content that nothing needs', load: () => import('./commands/layout-gc.ts') },
    ],
  },
  { name: 'ls', summary: 'List the tags of a repository', load: () => import('./commands/ls.ts') },
  { name: 'manifest', summary: 'Print the manifest of an image', load: () => import('./commands/manifest.ts') },
  {
    name: 'mutate',
    summary: 'Change labels, environment and other settings of an image',
    load: () => import('./commands/mutate.ts'),
  },
  { name: 'pull', summary: 'Pull images into a tarball or an OCI layout', load: () => import('./commands/pull.ts') },
  { name: 'push', summary: 'Push an image from a tarball or an OCI layout', load: () => import('./commands/push.ts') },
  {
    name: 'recompress',
    summary: 'Compress the layers of an image anew',
    load: () => import('./commands/recompress.ts'),
  },
  {
    name: 'rebase',
    summary: 'Put an image on another base, without building it again',
    load: () => import('./commands/rebase.ts'),
  },
  {
    name: 'registry',
    summary: 'Run a registry',
    subcommands: [
      { name: 'serve', summary: 'Serve a registry over HTTP', load: () => import('./commands/registry-serve.ts') },
    ],
  },
  { name: 'tag', summary: 'Add a tag to an image', load: () => import('./commands/tag.ts') },
  {
    name: 'validate',
    summary: 'Check that an image is complete and consistent',
    load: () => import('./commands/validate.ts'),
  },
  { name: 'version', summary: 'Print the version', load: () => import('./commands/version.ts') },
];
