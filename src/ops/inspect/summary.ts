import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Platform } from '../../oci/platform.ts';

// What is known of an image without reading its layers. Texts are as images have them: whoever prints them escapes them. Lists and
// maps of what an image does not have are empty; single members that are not known are absent.

/** What a manifest says, whatever it describes. */
export interface ManifestSummary {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest itself. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  /** Sorted by key. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What it refers to, as signatures do. */
  readonly subject?: Descriptor | undefined;
}

/** An image. */
export interface ImageDetails extends ManifestSummary {
  readonly kind: 'image';
  /** As the config states it. */
  readonly platform?: Platform | undefined;
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** Bytes of manifest, config and layers as they travel, each blob once; absent where they add up to more than can be. */
  readonly imageSize?: number | undefined;
  readonly configDigest: Digest;
  /** Bytes of the config. */
  readonly configSize: number;
  readonly config: ContainerSummary;
  /** Sorted by key. */
  readonly labels: Readonly<Record<string, string>>;
  /** The lowest first. */
  readonly layers: readonly LayerSummary[];
  /** The oldest first. */
  readonly history: readonly HistoryStepSummary[];
  /** What the image says of its base. */
  readonly base?: BaseSummary | undefined;
}

/** What has the shape of an image, and is none: its config is of another type. */
export interface ArtifactDetails extends ManifestSummary {
  readonly kind: 'artifact';
  /** RFC 3339, where an annotation says so. */
  readonly created?: string | undefined;
  /** As for images. */
  readonly imageSize?: number | undefined;
  readonly configDigest: Digest;
  /** Bytes of the config. */
  readonly configSize: number;
  readonly configMediaType: string;
  readonly layers: readonly LayerSummary[];
}

/** A list of manifests. */
export interface IndexDetails extends ManifestSummary {
  readonly kind: 'index';
  /** RFC 3339, where an annotation says so. */
  readonly created?: string | undefined;
  /** In the order of the index. */
  readonly manifests: readonly IndexEntrySummary[];
  /** Bytes of the index and of all that it needs, each once; absent where that was not asked for, or is not known of all of it. */
  readonly imageSize?: number | undefined;
  /** The image of it for linux/amd64; absent where it has none. */
  readonly image?: ImageDetails | ArtifactDetails | undefined;
}

/** A layer of an image, or a blob of an artifact. */
export interface LayerSummary {
  readonly digest: Digest;
  /** Bytes as it travels. */
  readonly size: number;
  readonly mediaType: string;
  /** Bytes of its tar: of a layer that is not compressed, or where an annotation says so. */
  readonly uncompressedSize?: number | undefined;
  /** Digest of its tar, as the config has it. */
  readonly diffId?: Digest | undefined;
  /** What made it; absent where the history does not say. */
  readonly step?: string | undefined;
  /** Where it is, when it is not to be had from registries. */
  readonly urls?: readonly string[] | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A step of an image's history. OCI image-spec, config.md "history". */
export interface HistoryStepSummary {
  /** RFC 3339. */
  readonly created?: string | undefined;
  /** As the image has it. */
  readonly createdBy?: string | undefined;
  /** The same to be read: {@link readableStep}. */
  readonly step?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** Whether it made no layer. */
  readonly emptyLayer: boolean;
  /** Its layer's place in `layers`; absent for all steps where the history does not agree with the layers. */
  readonly layer?: number | undefined;
}

/** What containers of an image start with. OCI image-spec, config.md "config". */
export interface ContainerSummary {
  readonly user?: string | undefined;
  readonly workingDir?: string | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** `80/tcp`, sorted. */
  readonly exposedPorts: readonly string[];
  /** Paths, sorted. */
  readonly volumes: readonly string[];
  readonly stopSignal?: string | undefined;
  readonly shell?: readonly string[] | undefined;
  readonly onBuild: readonly string[];
  readonly healthcheck?: HealthcheckSummary | undefined;
}

/** How a container is asked whether it is well; what is absent is the engine's to decide. */
export interface HealthcheckSummary {
  /** `CMD` or `CMD-SHELL` and what is run, or `NONE`. */
  readonly test: readonly string[];
  /** Seconds. */
  readonly interval?: number | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
  /** Seconds. */
  readonly startPeriod?: number | undefined;
  /** Seconds. */
  readonly startInterval?: number | undefined;
  readonly retries?: number | undefined;
}

/** What is said of a base; anyone may have written it. */
export interface BaseSummary {
  readonly name?: string | undefined;
  readonly digest?: string | undefined;
  /** Where it is said: annotations of the image or its index, or labels. */
  readonly from: 'annotations' | 'labels';
}

/** What an entry of an index is, as the index states it. */
export type IndexEntryKind = 'image' | 'attestation' | 'index' | 'artifact' | 'other';

export interface IndexEntrySummary {
  readonly kind: IndexEntryKind;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest itself. */
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of an attestation: the image that it is about. */
  readonly describes?: Digest | undefined;
  /** Bytes of its manifest, config and layers, each blob once. Only where its manifest was read. */
  readonly imageSize?: number | undefined;
  /** Set when it was looked for and is not there, as in copies of some platforms only. */
  readonly missing?: true | undefined;
}

/** What refers to an image: signatures, SBOMs, attestations. */
export interface ReferrerSummary {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of its manifest. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** What it refers to: what was named, or the image of the index. */
  readonly subject: Digest;
  /** The tag by which it is attached, as cosign does; absent for what says itself what it refers to. */
  readonly tag?: string | undefined;
}

/** The tags that name the same. */
export interface TagsSummary {
  /** In the order of the registry's list. */
  readonly same: readonly { readonly tag: string; readonly digest: Digest }[];
  /** How many tags there are. */
  readonly total: number;
  /** Whether it is known of all of them what they name; else there may be more in `same`. */
  readonly complete: boolean;
}

/** Of an image, artifact or index what its documents say, and what was asked for beside it. */
export type ImageSummary = (ImageDetails | ArtifactDetails | IndexDetails) & {
  /** The index that a platform was chosen from. */
  readonly chosenFrom?: { readonly digest: Digest; readonly mediaType: string } | undefined;
  /** Where they were asked for. */
  readonly referrers?: readonly ReferrerSummary[] | undefined;
  /** Where they were asked for. */
  readonly tags?: TagsSummary | undefined;
  /** What is odd, and what could not be told and why; sentences without a full stop. */
  readonly warnings: readonly string[];
};
