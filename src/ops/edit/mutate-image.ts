import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type ConfigDocument, configDocument } from '../../oci/document/config-document.ts';
import { type ImageDocument, imageDocument } from '../../oci/document/manifest-document.ts';
import { isImageConfigType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import type { ContentSource } from '../../store/store.ts';
import { readConfig } from '../read.ts';
import { editedMap } from './collections.ts';
import { editedConfig, editsConfig } from './config-edit.ts';
import {
  artifactOf,
  contentOf,
  type EditOptions,
  encodeEdited,
  type MadeContent,
  type OpenDocument,
  openImageDocument,
  redescribe,
  redescribeRoot,
} from './documents.ts';
import type { ImageEdit } from './image-edit.ts';

/**
 * An image with another config or other annotations. Everything that is not named stays: layers, history, subject, and
 * members of config and manifest that nobody knows. Where nothing changes the result has the same root.
 *
 * @throws {OciError} `UNSUPPORTED` for an index, and for config edits of an artifact whose config is no image's;
 *   `INVALID_CONFIG`, `INVALID_MANIFEST`, `NOT_FOUND`
 */
export async function mutateImage(artifact: Artifact, edit: ImageEdit, options: EditOptions = {}): Promise<Artifact> {
  const { root, made } = await editImage(artifact, edit, options);
  return root.digest === artifact.root.digest ? artifact : artifactOf(artifact.store, root, made);
}

export interface EditedImage {
  readonly root: Descriptor;
  /** The nodes that the edit made. */
  readonly made: readonly MadeContent[];
  /** Whether it is an image, and no artifact. */
  readonly isImage: boolean;
}

/** @param artifacts what becomes of an artifact, whose config cannot be edited */
export async function editImage(
  { store, root }: Artifact,
  edit: ImageEdit,
  options: EditOptions,
  artifacts: 'refused' | 'annotated' = 'refused',
): Promise<EditedImage> {
  const image = await openImageDocument({ store, root }, options);
  const isImage = hasImageConfig(image.document);
  const wanted = editsConfig(edit) && (isImage || artifacts === 'refused');
  const change =
    wanted || (options.reencode === true && isImage)
      ? (config: ConfigDocument) => editedConfig(config, edit)
      : undefined;
  const annotations = editedMap(image.document.annotations, edit.annotations);
  const edited = await withConfig({ store, root }, image, { ...image.document, annotations }, change, options);
  const platform = edit.platform === undefined || root.platform === undefined ? {} : { platform: edit.platform };
  return { made: edited.made, root: { ...edited.root, ...(isImage ? platform : {}) }, isImage };
}

/** A manifest with changes, and its config with others. */
export async function withConfig(
  { store, root }: Artifact,
  before: OpenDocument<ImageDocument>,
  after: ImageDocument,
  change: ((config: ConfigDocument) => ConfigDocument) | undefined,
  options: EditOptions,
): Promise<{ readonly root: Descriptor; readonly made: readonly MadeContent[] }> {
  const made: MadeContent[] = [];
  let { config } = after;
  if (change !== undefined) {
    const target = imageConfigOf(before.document, root);
    const open = await openConfig(store, target, options);
    const bytes = encodeEdited(configDocument, open, change(open.document), options);
    if (bytes !== open.bytes) {
      config = redescribe(config ?? {}, bytes);
      made.push({ target: contentOf(config, `The config of ${root.digest}`), bytes });
    }
  }
  const bytes = encodeEdited(imageDocument, before, { ...after, config }, options);
  const target = redescribeRoot(root, bytes);
  if (target.digest !== root.digest) made.push({ target, bytes });
  return { root: target, made };
}

/** Whether the config of a manifest is that of an image, and no artifact's. */
export function hasImageConfig({ config }: ImageDocument): boolean {
  return isImageConfigType(config?.mediaType ?? '');
}

async function openConfig(
  store: ContentSource,
  target: Descriptor,
  options: CallOptions,
): Promise<OpenDocument<ConfigDocument>> {
  const bytes = await readConfig(store, target, options);
  return { document: configDocument.parse(bytes, `Config ${target.digest}`), bytes };
}

function imageConfigOf(image: ImageDocument, root: Descriptor): Descriptor {
  const config = contentOf(image.config, `The config of ${root.digest}`);
  if (hasImageConfig(image)) return config;
  throw new OciError('UNSUPPORTED', `${root.digest} is an artifact, its config is no image's but ${config.mediaType}`, {
    hint: 'Annotations and layers of artifacts can be changed, a config like that of an image cannot',
  });
}
