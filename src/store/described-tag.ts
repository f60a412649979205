import type { Digest } from '../oci/digest.ts';

/** A tag with what is known of it. Members that are not known are absent. */
export interface DescribedTag {
  readonly tag: string;
  /** Of the manifest or index that it names. */
  readonly digest?: Digest | undefined;
  readonly mediaType?: string | undefined;
  /** Bytes of the manifest or index itself. */
  readonly size?: number | undefined;
  /** Bytes of all that the image needs, as its store counts them. */
  readonly imageSize?: number | undefined;
  /** When the image says that it was made, in milliseconds since 1970. */
  readonly created?: number | undefined;
  /** When it came into its store, in milliseconds since 1970. */
  readonly uploaded?: number | undefined;
}
