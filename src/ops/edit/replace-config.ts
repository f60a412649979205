import { digestOf } from '../../content/hash.ts';
import { maxConfigSize } from '../../content/limit.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { imageDocument } from '../../oci/document/manifest-document.ts';
import { parseImageConfig } from '../../oci/image-config.ts';
import { parseJson } from '../../oci/json.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import type { Platform } from '../../oci/platform.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { readConfig } from '../read.ts';
import { artifactOf, contentOf, encodeEdited, openImageDocument, redescribe, redescribeRoot } from './documents.ts';

/**
 * An image with other bytes as its config, taken as they are. In the manifest only digest and size of the config change, and
 * what it embeds of it. Of an image that an index lists, the platform becomes what the new config says, where that is something
 * else than before. crane-cli reference, section 9.10.
 *
 * @throws {OciError} `INVALID_CONFIG` when the config of an image is none, or does not list as many layers as the image has;
 *   `LIMIT_EXCEEDED` above 16 MiB; `UNSUPPORTED` for an index; `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function replaceConfig(
  artifact: Artifact,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<Artifact> {
  const { store, root } = artifact;
  if (bytes.byteLength > maxConfigSize) {
    throw new OciError('LIMIT_EXCEEDED', `The new config is larger than the limit of ${maxConfigSize} bytes`);
  }
  const before = await openImageDocument(artifact, options);
  const { document } = before;
  const old = contentOf(document.config, `The config of ${root.digest}`);
  const isImage = isImageConfigType(old.mediaType);
  if (isImage || /[/+]json$/.test(old.mediaType)) parseJson(bytes, 'The new config', 'INVALID_CONFIG');
  if (isImage) checkImageConfig(bytes, document.layers?.length ?? 0);
  const config = redescribe(document.config ?? {}, bytes);
  if (config.digest === old.digest) return artifact;
  const platform = isImage ? await newPlatform(store, root, old, bytes, options) : undefined;
  const manifest = encodeEdited(imageDocument, before, { ...document, config }, options);
  const target = { ...redescribeRoot(root, manifest), ...platform };
  return artifactOf(store, target, [
    { target: contentOf(config, `The config of ${root.digest}`), bytes },
    { target, bytes: manifest },
  ]);
}

function checkImageConfig(bytes: Uint8Array, layers: number): void {
  const { rootfs } = parseImageConfig(bytes, digestOf(bytes));
  const count = rootfs.diff_ids.length;
  if (count === layers) return;
  throw new OciError(
    'INVALID_CONFIG',
    `The new config has ${count} diff IDs in "rootfs", but the image has ${layers} layers`,
    { hint: 'Leave "rootfs" as it is: crane append, flatten and rebase change layers' },
  );
}

async function newPlatform(
  store: Artifact['store'],
  root: Descriptor,
  old: Descriptor,
  bytes: Uint8Array,
  options: CallOptions,
): Promise<{ readonly platform?: Platform }> {
  if (root.platform === undefined) return {};
  const before = platformOf(await readConfig(store, old, options));
  const after = platformOf(bytes);
  return JSON.stringify(before) === JSON.stringify(after) ? {} : { platform: after };
}

function platformOf(bytes: Uint8Array): Platform {
  const config = parseImageConfig(bytes, digestOf(bytes));
  const { os, architecture, variant } = config;
  const version = config['os.version'];
  const features = config['os.features'];
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
  };
}
