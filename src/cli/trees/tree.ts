import type { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { CallOptions } from '../../options.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { ContentSink, ContentSource } from '../../store/store.ts';
import type { TreeFilter } from './tree-filter.ts';

/** Repositories below a name of a registry, or layouts below a directory. Paths are below the root, which has the empty one. */
export interface Tree {
  /** Of the root, in full. */
  readonly name: string;
  /** In full, as users write it; `@DIGEST` or `:TAG` may follow. */
  nameOf(path: string): string;
  /** The path of another tree's root that lies in this one. */
  pathOf(other: Tree): string | undefined;
  /** Parents before what lies below. One listing is in memory at a time. */
  walk(options: TreeWalkOptions): AsyncGenerator<TreeRepository, void>;
  /** To read from. */
  source(path: string): Promise<ContentSource>;
  /** To write to. Nothing is changed yet. @throws {OciError} for a path that the tree cannot have */
  target(path: string, options: { readonly dryRun: boolean }): Promise<TreeTarget>;
}

export interface TreeWalkOptions extends CallOptions {
  readonly filter: TreeFilter;
  /** Leaves a path out, with all that lies below it. */
  readonly skip?: ((path: string) => boolean) | undefined;
  /** Hears of what cannot be listed, and is left out then. @default it ends the walk */
  readonly onError?: ((path: string, error: OciError) => void) | undefined;
}

export interface TreeRepository {
  readonly path: string;
  readonly listing: RepositoryListing;
}

/** One repository or layout that is written to. */
export interface TreeTarget extends AsyncDisposable {
  readonly store: ContentSink & Pick<ContentSource, 'resolve'>;
  /** Whether it takes layers that registries need not hold. */
  readonly takesAll: boolean;
  /** @returns `undefined` when it is not there */
  list(options: CallOptions): Promise<RepositoryListing | undefined>;
  /** Before the first push. */
  begin(options: CallOptions): Promise<void>;
  /** Has it keep what got no tag, when everything is there. */
  keep(untagged: readonly Descriptor[], options: CallOptions): Promise<void>;
}

/** A tree that is listed for people. */
export interface ListedTree extends Tree {
  /** The root alone, with the names of what lies directly below it. */
  listRoot(options: CallOptions): Promise<TreeRepository>;
  /** What a listing calls a repository, without the registry. */
  shortNameOf(path: string): string;
}

export function joinPaths(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** Whether a path is the other or lies below it. */
export function isBelow(path: string, other: string): boolean {
  return other === '' || path === other || path.startsWith(`${other}/`);
}
