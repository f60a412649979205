import { isOciError, OciError } from '../errors.ts';
import { array, boolean, type Decoder, object, optional, string } from './decode.ts';
import { type Digest, parseDigest } from './digest.ts';
import { parseJson } from './json.ts';

/** One step of an image's history. OCI image-spec, config.md. */
export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly empty_layer: boolean;
}

const historyFields: Decoder<HistoryEntry> = object({
  created: optional(string),
  created_by: optional(string),
  author: optional(string),
  comment: optional(string),
  empty_layer: optional(boolean, false),
});

/** What the library reads of an image's config; everything else in it is kept in the bytes. OCI image-spec, config.md. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
  readonly variant?: string | undefined;
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly Digest[] };
  readonly history: readonly HistoryEntry[];
}

const imageConfigFields: Decoder<ImageConfig> = object({
  architecture: optional(string, ''),
  os: optional(string, ''),
  'os.version': optional(string),
  'os.features': optional(array(string)),
  variant: optional(string),
  created: optional(string),
  author: optional(string),
  rootfs: optional(
    object({
      type: optional(string, ''),
      diff_ids: optional(
        array((value, path) => parseDigest(string(value, path))),
        [],
      ),
    }),
    { type: '', diff_ids: [] },
  ),
  history: optional(array(historyFields), []),
});

/**
 * Reads an image config.
 *
 * @throws {OciError} `INVALID_CONFIG`
 */
export function parseImageConfig(bytes: Uint8Array, digest: Digest): ImageConfig {
  const what = `Config ${digest}`;
  const document = parseJson(bytes, what, 'INVALID_CONFIG');
  try {
    return imageConfigFields(document, '');
  } catch (cause) {
    if (isOciError(cause)) throw new OciError('INVALID_CONFIG', `${what}: ${cause.message}`, { cause });
    throw cause;
  }
}
