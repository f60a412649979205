import { OciError, isOciError, quoted } from '../errors.ts';
import { array, boolean, type Decoder, object, optional, string } from '../oci/decode.ts';
import { type Descriptor, descriptorFields } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { parseJson } from '../oci/json.ts';
import { isImageType, isIndexType } from '../oci/media-type.ts';

/** What an engine says of an image. */
export interface EngineImage {
  /** The digest of the config, or in containerd's image store of the manifest or index. */
  readonly id: Digest;
  /** `repository:tag`, as the engine spells them. */
  readonly names: readonly string[];
  /** Bytes, as the engine counts them: uncompressed in its own store. */
  readonly size: number;
  /** The manifest or index, where the engine keeps those; Docker's own store and podman do not pass them on. */
  readonly root: Digest | undefined;
  /** Whether all of an index is there; `undefined` when the engine does not say. */
  readonly isComplete: boolean | undefined;
  /** Of its layers, the lowest first. */
  readonly diffIds: readonly Digest[];
  /** What a copy of it would be, where the engine tells without giving the image. */
  readonly artifact: Descriptor | undefined;
}

/** A number that only informs. Docker says of an image without a date that it is of the year 1, and -1 for what it has not counted. */
const lenient: Decoder<number> = (value) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0);

/** A manifest of an index, which may be there or not. */
interface KeptManifest {
  readonly Available: boolean;
  /** `image`, `attestation` or `unknown`. */
  readonly Kind: string;
  readonly Descriptor: Descriptor | undefined;
}

const inspectFields: Decoder<{
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Size: number;
  readonly Descriptor: Descriptor | undefined;
  readonly Manifests: readonly KeptManifest[] | undefined;
  readonly RootFS: { readonly Layers: readonly string[] };
}> = object({
  Id: string,
  RepoTags: optional(array(string), []),
  RepoDigests: optional(array(string), []),
  Size: optional(lenient, 0),
  Descriptor: optional(descriptorFields),
  Manifests: optional(
    array(
      object({
        Available: optional(boolean, false),
        Kind: optional(string, ''),
        Descriptor: optional(descriptorFields),
      }),
    ),
  ),
  RootFS: optional(object({ Layers: optional(array(string), []) }), { Layers: [] }),
});

/**
 * Reads the answer of `GET /images/NAME/json`.
 *
 * @throws {OciError} `RESPONSE`
 */
export function parseEngineImage(bytes: Uint8Array, engine: string): EngineImage {
  const what = `What the Docker engine at ${engine} says of the image`;
  const { Id, RepoTags, RepoDigests, Size, Descriptor, Manifests, RootFS } = read(inspectFields, bytes, what);
  const id = withAlgorithm(Id);
  if (!isDigest(id)) throw new OciError('RESPONSE', `${what} has the ID ${quoted(Id)}, which is no digest`);
  // Where the engine is older than its API for descriptors, the digest in the names is the ID only with containerd's store.
  const keepsManifests = Descriptor?.digest === id || RepoDigests.some((name) => name.endsWith(`@${id}`));
  return {
    id,
    names: RepoTags,
    size: Size,
    root: keepsManifests ? id : undefined,
    isComplete: Manifests?.every(({ Available }) => Available),
    diffIds: RootFS.Layers.filter(isDigest),
    artifact: Descriptor?.digest === id ? artifactOf(Descriptor, Manifests) : undefined,
  };
}

/**
 * Of a pulled index an engine has the images for its own platform only, as a rule. When there is but one it is what is
 * meant, as for `docker push`; several are left to the user's choice.
 */
function artifactOf(root: Descriptor, manifests: readonly KeptManifest[] | undefined): Descriptor | undefined {
  const { mediaType, digest, size } = root;
  if (isImageType(mediaType)) return { mediaType, digest, size };
  if (!isIndexType(mediaType) || manifests === undefined) return undefined;
  if (manifests.every(({ Available }) => Available)) return { mediaType, digest, size };
  const there = manifests.filter(({ Available, Kind }) => Available && Kind === 'image');
  return there.length === 1 ? there[0]?.Descriptor : { mediaType, digest, size };
}

/** Old versions of podman leave the algorithm out. */
function withAlgorithm(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id;
}

const listFields: Decoder<
  readonly {
    readonly Id: string;
    readonly RepoTags: readonly string[];
    readonly Created: number;
    readonly Size: number | undefined;
  }[]
> = array(
  object({
    Id: optional(string, ''),
    RepoTags: optional(array(string), []),
    Created: optional(lenient, 0),
    Size: optional(lenient),
  }),
);

/** An image as a list of an engine has it. */
export interface ListedEngineImage {
  /** As {@link EngineImage} has them. */
  readonly names: readonly string[];
  readonly size?: number | undefined;
  /** When it was made, in milliseconds since 1970; `undefined` where that is not known. */
  readonly created?: number | undefined;
}

/** The images in the answer of `GET /images/json`, those without a name among them. */
export function listedImages(bytes: Uint8Array, engine: string): readonly ListedEngineImage[] {
  return readList(bytes, engine).map(({ RepoTags, Created, Size }) => ({
    names: RepoTags.filter(isName),
    size: Size,
    // Seconds, or 0 where the image does not say.
    created: Created > 0 && Created <= maxSeconds ? Created * 1000 : undefined,
  }));
}

/** The end of the year 9999. */
const maxSeconds = 253_402_300_799;

/** Old engines call images without a name `<none>:<none>`. */
function isName(text: string): boolean {
  return !text.includes('<none>');
}

/** The IDs in the answer of `GET /images/json`. */
export function imageIds(bytes: Uint8Array, engine: string): readonly Digest[] {
  return readList(bytes, engine)
    .map(({ Id }) => withAlgorithm(Id))
    .filter(isDigest);
}

/** The names in the answer of `GET /images/json`. */
export function imageNames(bytes: Uint8Array, engine: string): readonly string[] {
  return readList(bytes, engine)
    .flatMap(({ RepoTags }) => RepoTags)
    .filter(isName);
}

function readList(bytes: Uint8Array, engine: string): ReturnType<typeof listFields> {
  return read(listFields, bytes, `What the Docker engine at ${engine} says of its images`);
}

const infoFields: Decoder<{ readonly DriverStatus: readonly (readonly string[])[] }> = object({
  DriverStatus: optional(array(optional(array(string), [])), []),
});

/** Whether the answer of `GET /info` is of an engine with containerd's image store. */
export function hasContainerdStore(bytes: Uint8Array, engine: string): boolean {
  const { DriverStatus } = read(infoFields, bytes, `What the Docker engine at ${engine} says of itself`);
  return DriverStatus.some(([key, value]) => key === 'driver-type' && value === 'io.containerd.snapshotter.v1');
}

function read<T>(decode: Decoder<T>, bytes: Uint8Array, what: string): T {
  const document = parseJson(bytes, what, 'RESPONSE');
  try {
    return decode(document, '');
  } catch (cause) {
    if (!isOciError(cause)) throw cause;
    throw new OciError('RESPONSE', `${what}: ${cause.message}`, { cause });
  }
}
