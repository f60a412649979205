import { describeBytes } from '../../content/hash.ts';
import { maxManifestSize } from '../../content/limit.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { childrenOf, manifestTypeOf, parseManifest } from '../../oci/manifest.ts';
import { parseJson } from '../../oci/json.ts';
import { isNonDistributableType } from '../../oci/media-type.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { manifestOf } from '../read.ts';
import { artifactOf } from './documents.ts';

export interface ReplaceManifestOptions extends CallOptions {
  /** @default what the document says of itself, else the type of the manifest before */
  readonly mediaType?: string | undefined;
}

/**
 * An artifact with other bytes as its manifest or index, taken as they are. What they name and the old ones did not has to be in
 * the store. crane-cli reference, section 9.10.
 *
 * @throws {OciError} `INVALID_MANIFEST` when the bytes are no manifest, or another kind or type than theirs; `LIMIT_EXCEEDED`
 *   above 8 MiB; `MISSING_CONTENT`, `SIZE_MISMATCH` for what is named anew
 */
export async function replaceManifest(
  { store, root }: Artifact,
  bytes: Uint8Array,
  options: ReplaceManifestOptions = {},
): Promise<Artifact> {
  if (bytes.byteLength > maxManifestSize) {
    throw new OciError('LIMIT_EXCEEDED', `The new manifest is larger than the limit of ${maxManifestSize} bytes`);
  }
  parseJson(bytes, 'The new manifest');
  const { mediaType = manifestTypeOf(bytes, root.mediaType) } = options;
  const target = describeBytes(bytes, mediaType);
  const manifest = parseManifest(bytes, target);
  const stated = manifestTypeOf(bytes, mediaType);
  if (stated !== mediaType) throw otherType(stated, mediaType);
  if (target.digest === root.digest && target.mediaType === root.mediaType) return { store, root };
  await checkContent({ store, root }, childrenOf(manifest), options);
  const platform = root.platform === undefined ? {} : { platform: root.platform };
  return artifactOf(store, { ...target, ...platform }, [{ target, bytes }]);
}

/** OCI image-spec, manifest.md "mediaType": they have to match. */
function otherType(stated: string, wanted: string): OciError {
  return new OciError('INVALID_MANIFEST', `The new manifest says that it is ${stated}, and is to be ${wanted}`, {
    hint: 'Change its member mediaType as well, or leave it out',
  });
}

/** Not every registry refuses a manifest that names what is not there. */
async function checkContent(
  { store, root }: Artifact,
  named: readonly Descriptor[],
  options: CallOptions,
): Promise<void> {
  const before = new Map(
    childrenOf(await manifestOf({ store, root }, options)).map(({ digest, size }) => [digest, size]),
  );
  for (const child of named) {
    const { digest, size } = child;
    if (before.get(digest) === size || isNonDistributableType(child.mediaType)) continue;
    const found = await store.stat(child, options);
    if (found === undefined) {
      throw new OciError('MISSING_CONTENT', `The new manifest names ${digest}, which is not there`, {
        hint: 'Bring it there first: crane copy for images, crane append for layers',
      });
    }
    if (found.size !== size) {
      throw new OciError(
        'SIZE_MISMATCH',
        `The new manifest says that ${digest} has ${size} bytes, but it has ${found.size}`,
      );
    }
  }
}
