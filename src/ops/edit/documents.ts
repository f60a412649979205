import { digestOf } from '../../content/hash.ts';
import { maxManifestSize } from '../../content/limit.ts';
import { collectVerified } from '../../content/verify.ts';
import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf } from '../../oci/digest.ts';
import type { DocumentFormat } from '../../oci/document/document.ts';
import {
  type ImageDocument,
  imageDocument,
  type IndexDocument,
  indexDocument,
} from '../../oci/document/manifest-document.ts';
import type { DescriptorDocument } from '../../oci/document/manifest-document.ts';
import { parseManifest } from '../../oci/manifest.ts';
import type { CallOptions } from '../../options.ts';
import type { Artifact } from '../../store/artifact.ts';
import { MemoryStore } from '../../store/memory.ts';
import { OverlayStore } from '../../store/overlay.ts';
import type { ContentSource } from '../../store/store.ts';
import { openContent } from '../read.ts';

export interface EditOptions extends CallOptions {
  /**
   * Write every document of an image anew that crane would, even where nothing in it changes: crane encodes manifest and
   * config with each of its edits, so that only then all digests are the same as crane's.
   *
   * @default false: what is not edited keeps its bytes
   */
  readonly reencode?: boolean | undefined;
}

/** A document in hand, with the bytes it was read from. */
export interface OpenDocument<T> {
  readonly document: T;
  readonly bytes: Uint8Array;
}

/** Content that an edit has made. */
export interface MadeContent {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
}

/** @throws {OciError} `UNSUPPORTED` for an index and for Docker schema 1; `INVALID_MANIFEST` */
export async function openImageDocument(
  artifact: Artifact,
  options: CallOptions,
): Promise<OpenDocument<ImageDocument>> {
  return openDocument(artifact, 'image', imageDocument, options);
}

/** @throws {OciError} `UNSUPPORTED` for what is no index; `INVALID_MANIFEST` */
export async function openIndexDocument(
  artifact: Artifact,
  options: CallOptions,
): Promise<OpenDocument<IndexDocument>> {
  return openDocument(artifact, 'index', indexDocument, options);
}

/** The bytes of an edited document; those it had when nothing in it changed. */
export function encodeEdited<T>(
  format: DocumentFormat<T>,
  before: OpenDocument<T>,
  after: T,
  { reencode = false }: EditOptions,
): Uint8Array {
  const bytes = format.encode(after);
  if (!reencode && Buffer.compare(bytes, format.encode(before.document)) === 0) return before.bytes;
  return bytes;
}

/** The descriptor of a node whose bytes have changed. What it embedded it embeds anew. */
export function redescribe<T extends Descriptor | DescriptorDocument>(old: T, bytes: Uint8Array): T {
  const algorithm = old.digest === undefined ? 'sha256' : algorithmOf(old.digest);
  const data = old.data === undefined || old.data === '' ? {} : { data: Buffer.from(bytes).toString('base64') };
  return { ...old, ...data, digest: digestOf(bytes, algorithm), size: bytes.byteLength };
}

/** The root of an edited artifact: as it was when its bytes are, else without what it embedded. */
export function redescribeRoot(root: Descriptor, bytes: Uint8Array): Descriptor {
  const described = redescribe(root, bytes);
  if (described.digest === root.digest) return root;
  const { data: _, ...rest } = described;
  return rest;
}

/** An artifact of new nodes above a source that has everything else. */
export async function artifactOf(
  lower: ContentSource,
  root: Descriptor,
  made: readonly MadeContent[],
): Promise<Artifact> {
  const upper = new MemoryStore();
  for (const { target, bytes } of made) {
    const { mediaType, digest, size } = target;
    await upper.push({ mediaType, digest, size }, bytes);
  }
  return { store: new OverlayStore(upper, lower), root };
}

/** A descriptor of a document as one to fetch by. */
export function contentOf(entry: DescriptorDocument | undefined, what: string): Descriptor {
  const { mediaType = '', digest, size = 0, data } = entry ?? {};
  if (digest === undefined || typeof size !== 'number') {
    throw new OciError('INVALID_MANIFEST', `${what} has no digest, or a size that cannot be`);
  }
  return { mediaType, digest, size, ...(data === undefined || data === '' ? {} : { data }) };
}

async function openDocument<T>(
  { store, root }: Artifact,
  kind: 'image' | 'index',
  format: DocumentFormat<T>,
  options: CallOptions,
): Promise<OpenDocument<T>> {
  const bytes = await collectVerified(await openContent(store, root, options), root, maxManifestSize);
  // All that copies rely on is checked as for a copy, before anything is made of it.
  const manifest = parseManifest(bytes, root);
  if (manifest.kind !== kind) {
    throw new OciError('UNSUPPORTED', `${root.digest} is no ${kind} but ${root.mediaType}`, {
      hint: hintFor(kind, manifest.kind),
    });
  }
  return { document: format.parse(bytes, `Manifest ${root.digest}`), bytes };
}

function hintFor(wanted: 'image' | 'index', found: 'image' | 'index' | 'schema1'): string | undefined {
  if (found === 'schema1') return 'Docker schema 1 is abolished; push the image again with a current tool';
  return wanted === 'image' ? 'Choose one of its images, or edit the index' : undefined;
}
