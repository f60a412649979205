import { mapLimited } from '../async/map-limited.ts';
import { type ByteStream, streamOf } from '../content/bytes.ts';
import { maxManifestSize } from '../content/limit.ts';
import { collectVerified } from '../content/verify.ts';
import { isOciError, messageOf, OciError, quoted } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { childrenOf, type Manifest, manifestTypeOf, parseManifest } from '../oci/manifest.ts';
import { isImageConfigType, isLayerType, isManifestType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';

/** Where the content of a layout is read. */
export interface LayoutContent {
  sizeOf(digest: Digest): Promise<number | undefined>;
  read(target: Descriptor, options: CallOptions): Promise<ByteStream>;
}

export interface ReachableOptions extends CallOptions {
  /** Go on where a manifest is missing or damaged: what only it names is then not found. @default false */
  readonly ignoreMissing?: boolean | undefined;
}

/** Manifests are small; reading some at a time hides the file system's latency. */
const readers = 16;

/** What can be reached from some entries of a layout: indexes, images, subjects, and what unknown documents name. */
export class Reachable {
  readonly #content: LayoutContent;
  readonly #name: string;
  readonly #options: ReachableOptions;
  readonly #found = new Set<Digest>();
  readonly #walked = new Set<Digest>();

  /** @param name of the layout, for messages */
  constructor(content: LayoutContent, name: string, options: ReachableOptions) {
    this.#content = content;
    this.#name = name;
    this.#options = options;
  }

  has(digest: Digest): boolean {
    return this.#found.has(digest);
  }

  /**
   * Adds what can be reached from more entries.
   *
   * @param isRequired whether manifests have to be there
   * @throws {OciError} `INVALID_LAYOUT` where one that has to be is missing or damaged: nobody knows what it needs
   */
  async follow(entries: readonly Descriptor[], isRequired: boolean): Promise<void> {
    let next: readonly Step[] = entries.map((target) => ({ target, isRequired, isBlob: isBlobType(target.mediaType) }));
    while (next.length > 0) {
      const fresh = next.filter((step) => this.#isNew(step));
      const found = await mapLimited(
        fresh,
        readers,
        (step, signal) => this.#stepsFrom(step, signal),
        this.#options.signal,
      );
      next = found.flat();
    }
  }

  /** Content may be listed as a blob first and as a manifest later. */
  #isNew({ target: { digest }, isBlob }: Step): boolean {
    this.#found.add(digest);
    if (isBlob || this.#walked.has(digest)) return false;
    this.#walked.add(digest);
    return true;
  }

  async #stepsFrom(step: Step, signal: AbortSignal): Promise<readonly Step[]> {
    const { target, isRequired } = step;
    const size = target.size < 0 ? await this.#content.sizeOf(target.digest) : target.size;
    // Of unknown content only what could be a manifest is looked into.
    const isManifest = isManifestType(target.mediaType);
    if (size === undefined || (!isManifest && size > maxManifestSize)) return [];
    const bytes = await this.#read({ ...target, size }, isRequired, signal);
    if (bytes === undefined) return [];
    const mediaType = isManifest ? target.mediaType : manifestTypeOf(bytes, target.mediaType);
    if (!isManifestType(mediaType)) return namedIn(bytes);
    const manifest = this.#parse(bytes, { ...target, mediaType }, isRequired);
    return manifest === undefined ? [] : neededBy(manifest, isRequired);
  }

  async #read(target: Descriptor, isRequired: boolean, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { data } = target;
    try {
      const source =
        data === undefined || data === ''
          ? await this.#content.read(target, { signal })
          : streamOf(Buffer.from(data, 'base64'));
      return await collectVerified(source, target, maxManifestSize);
    } catch (error) {
      return this.#broken(target, error, isRequired);
    }
  }

  #parse(bytes: Uint8Array, target: ContentId, isRequired: boolean): Manifest | undefined {
    try {
      return parseManifest(bytes, target);
    } catch (error) {
      return this.#broken(target, error, isRequired);
    }
  }

  #broken({ digest }: ContentId, cause: unknown, isRequired: boolean): undefined {
    if (!isOciError(cause)) throw cause;
    if (!isRequired || this.#options.ignoreMissing === true) return undefined;
    const state = cause.code === 'NOT_FOUND' ? 'is missing' : `cannot be read (${messageOf(cause)})`;
    const message = `The layout ${quoted(this.#name)} is incomplete: ${digest} ${state}, and so it is unknown what it needs`;
    throw new OciError('INVALID_LAYOUT', message, { cause, hint: 'Nothing was deleted. Copy what is missing again' });
  }
}

interface Step {
  readonly target: Descriptor;
  /** Whether it has to be there: subjects need not, nor what an unknown document may mean something else by. */
  readonly isRequired: boolean;
  /** Names nothing else. */
  readonly isBlob: boolean;
}

function neededBy(manifest: Manifest, isRequired: boolean): readonly Step[] {
  const children: readonly ContentId[] = manifest.kind === 'schema1' ? manifest.layers : childrenOf(manifest);
  const steps = children.map((child) => {
    // What is no child of an index is a blob, whatever its type, unless it calls itself a manifest.
    const isBlob = manifest.kind === 'index' ? isBlobType(child.mediaType) : !isManifestType(child.mediaType);
    return { target: { size: -1, ...child }, isRequired, isBlob };
  });
  const subject = subjectOf(manifest);
  return subject === undefined ? steps : [...steps, { target: subject, isRequired: false, isBlob: false }];
}

function subjectOf(manifest: Manifest): Descriptor | undefined {
  if (manifest.kind === 'schema1') return undefined;
  return manifest.kind === 'index' ? manifest.index.subject : manifest.image.subject;
}

/** Digests in a document of a kind that nobody knows. */
function namedIn(bytes: Uint8Array): readonly Step[] {
  if (bytes[0] !== 0x7b) return [];
  const names = Buffer.from(bytes)
    .toString('latin1')
    .matchAll(/"(sha(?:256|512):[a-f0-9]+)"/g);
  const digests = new Set(Array.from(names, ([, digest = '']) => digest).filter(isDigest));
  return Array.from(digests, (digest) => ({
    target: { mediaType: '', digest, size: -1 },
    isRequired: false,
    isBlob: false,
  }));
}

function isBlobType(mediaType: string): boolean {
  return isLayerType(mediaType) || isImageConfigType(mediaType);
}
