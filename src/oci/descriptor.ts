import { array, type Decoder, integer, object, optional, record, string } from './decode.ts';
import { type Digest, parseDigest } from './digest.ts';
import { type Platform, platformFields } from './platform.ts';

/** Points at content by what it is, how long it is and what it hashes to. OCI image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The content itself, base64. */
  readonly data?: string | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
}

/** Enough of a {@link Descriptor} to look content up: what it is is known, how long it is may not be. */
export type ContentId = Pick<Descriptor, 'mediaType' | 'digest'>;

/** Decodes a descriptor; a missing `mediaType` is the empty string, as old tools wrote it. */
export const descriptorFields: Decoder<Descriptor> = object({
  mediaType: optional(string, ''),
  digest: (value, path) => parseDigest(string(value, path)),
  size: integer,
  urls: optional(array(string)),
  annotations: optional(record(string)),
  data: optional(string),
  platform: optional(platformFields),
  artifactType: optional(string),
});
