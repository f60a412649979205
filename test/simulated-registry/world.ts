import type { RegistryStorage } from '../../src/server/storage.ts';
import type { Handle, ServerName } from './exchange.ts';
import type { Quirks } from './quirks.ts';
import type { TokenTable } from './tokens.ts';
import type { Access } from './users.ts';

/** What the layers of one simulated registry share. */
export interface World {
  /** Read at each request, so that a test may change it in between. */
  readonly quirks: Quirks;
  readonly access: Access;
  readonly tokens: TokenTable;
  readonly storage: RegistryStorage;
  /** `http://127.0.0.1:PORT` of each part; filled in when all listen. */
  readonly origins: Record<ServerName, string>;
  /** The registry as the specification has it, without quirks and without a login. */
  readonly plain: Handle;
  readonly now: () => number;
  /** Repositories that are there though they may be empty, for registries that do not make them when pushed to. */
  readonly repositories: Set<string>;
  readonly notes: Notes;
}

/** What several concerns want to know of the past. */
export interface Notes {
  /** `REPOSITORY@DIGEST` of all content that a manifest names. */
  readonly referenced: Set<string>;
  /** Tags of each repository in the order they first came. */
  readonly tags: Map<string, string[]>;
  /** Sizes of blobs that were removed behind the registry's back, by `REPOSITORY@DIGEST`. */
  readonly lost: Map<string, number>;
  /** When each `REPOSITORY@DIGEST` came, in milliseconds since the epoch, where lists tell. */
  readonly uploaded: Map<string, number>;
  /** How many reads of `REPOSITORY/REFERENCE` find nothing yet. */
  readonly lag: Map<string, number>;
}
