import type { Descriptor } from '../oci/descriptor.ts';
import type { CallOptions } from '../options.ts';
import type { ProgressOptions } from '../store/progress.ts';

export interface CopyOptions extends CallOptions, ProgressOptions {
  /**
   * How many blobs and manifests move at once.
   *
   * @default 4, and 16 more of less than 4 MiB: those cost round trips and no bandwidth
   */
  readonly concurrency?: number | undefined;
  /**
   * Move layers that registries need not hold, too.
   *
   * @default false
   */
  readonly nonDistributable?: boolean | undefined;
  /**
   * Copy what refers to the manifests that are copied: signatures, SBOMs, attestations, and what refers to those.
   *
   * @default false
   */
  readonly referrers?: boolean | ReferrerCopyOptions | undefined;
  /**
   * Copy the tags `sha256-HEX.sig`, `.att`, `.sbom` and so on that name content that belongs to manifests that are copied.
   *
   * @default false
   */
  readonly digestTags?: boolean | undefined;
  /**
   * Which children of an index come along. Those that do not have to be at the sink already, or the sink has to take an
   * index without them.
   *
   * @default all
   */
  readonly includeChild?: ChildFilter | undefined;
  /**
   * Believe that under a manifest the sink has everything is there. Repeating a copy is then one question for each
   * manifest; what the sink has lost is not noticed.
   *
   * @default false
   */
  readonly trustManifests?: boolean | undefined;
  /**
   * Levels of indexes in indexes.
   *
   * @default 8
   */
  readonly maxDepth?: number | undefined;
}

/** Decides about a child of an index. */
export type ChildFilter = (child: Descriptor, parent: Descriptor) => boolean;

export interface ReferrerCopyOptions {
  /** Only referrers of these kinds, with all that refers to them. @default all */
  readonly artifactTypes?: readonly string[] | undefined;
  /** A referrer that cannot be copied is a warning and no failure: some registries refuse kinds they do not know. @default false */
  readonly bestEffort?: boolean | undefined;
  /** Levels of referrers of referrers. @default 8 */
  readonly maxDepth?: number | undefined;
  /** Referrers in all. @default 10000 */
  readonly maxCount?: number | undefined;
}

/** What one call moved, and what it found in place. Content that several calls need counts for the first. */
export interface CopySummary {
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes of these blobs. */
  readonly bytes: number;
  /** Blobs that the sink took from a neighbour. */
  readonly mounted: number;
  readonly existingManifests: number;
  readonly existingBlobs: number;
  readonly referrers: number;
  /** The digest tags that were copied, too. */
  readonly digestTags: readonly string[];
}
