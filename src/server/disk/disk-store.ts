import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { untilAborted } from '../../content/abort.ts';
import { type ByteSource, type ByteStream, collect, discard, streamOf } from '../../content/bytes.ts';
import { readFileStream, writeFileAtomically } from '../../content/file.ts';
import { type Expected, VerifiedStream } from '../../content/verify.ts';
import { makeDirectory } from '../../content/make-directory.ts';
import { OciError, quoted } from '../../errors.ts';
import { type ContentId, type Descriptor, descriptorFields } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { parseJson } from '../../oci/json.ts';
import { isManifestType } from '../../oci/media-type.ts';
import { isTag, parseTag } from '../../oci/reference.ts';
import type { CallOptions } from '../../options.ts';
import type {
  Deleter,
  Mounter,
  RangeFetcher,
  ReferrerLister,
  ReferrerListOptions,
  TagLister,
  TagListOptions,
} from '../../store/capabilities.ts';
import type { ContentStore } from '../../store/store.ts';
import { linkOrCopy, readIfThere, removeIfThere, sizeIfThere, syncFile, writeDurably } from './files.ts';
import type { ManifestFile, ManifestFiles } from './manifest-files.ts';
import {
  blobPath,
  digestOfReferrerFile,
  referrersPath,
  repositoryPath,
  sharedBlobPath,
  tagOfFile,
  tagPath,
  tagsPath,
  uploadsPath,
} from './paths.ts';

/**
 * One repository of a registry's directory. Nothing is locked: every file appears whole under its name, and what is in it
 * does not change but for tags, so that several processes can work on one directory.
 */
export class DiskStore implements ContentStore, TagLister, ReferrerLister, Deleter, RangeFetcher, Mounter {
  readonly #root: string;
  readonly #path: string;
  readonly #manifests: ManifestFiles;

  constructor(root: string, name: string, manifests: ManifestFiles) {
    this.#root = root;
    this.#path = repositoryPath(root, name);
    this.#manifests = manifests;
  }

  async resolve(reference: string, { signal }: CallOptions = {}): Promise<Descriptor> {
    signal?.throwIfAborted();
    const digest = isDigest(reference) ? reference : await this.#digestOfTag(reference);
    const manifest = digest === undefined ? undefined : await this.#manifests.read(this.#path, digest);
    if (manifest === undefined) throw new OciError('NOT_FOUND', `Nothing is named ${quoted(reference)}`);
    return manifest.target;
  }

  async stat({ mediaType, digest }: ContentId, { signal }: CallOptions = {}): Promise<Descriptor | undefined> {
    signal?.throwIfAborted();
    if (isManifestType(mediaType)) return (await this.#manifests.read(this.#path, digest))?.target;
    const size = await sizeIfThere(blobPath(this.#path, digest));
    return size === undefined ? undefined : { mediaType, digest, size };
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    return VerifiedStream.of(await this.fetchRange(target, 0, target.size, options), target);
  }

  async fetchRange(target: Descriptor, start: number, end: number, { signal }: CallOptions = {}): Promise<ByteStream> {
    signal?.throwIfAborted();
    if (isManifestType(target.mediaType)) {
      const { bytes } = await this.#manifest(target.digest);
      return streamOf(start === 0 && end >= bytes.byteLength ? bytes : bytes.subarray(start, end));
    }
    try {
      return await readFileStream(blobPath(this.#path, target.digest), { start, end, regularOnly: true, signal });
    } catch (cause) {
      if (!(cause instanceof OciError && cause.code === 'NOT_FOUND')) throw cause;
      throw new OciError('NOT_FOUND', `No blob has the digest ${target.digest}`, { cause });
    }
  }

  async push(expected: Descriptor, content: ByteSource, { signal }: CallOptions = {}): Promise<void> {
    const { mediaType, digest, size } = expected;
    const known = signal?.aborted === true || (await this.stat(expected)) !== undefined;
    if (known) await discard(content);
    signal?.throwIfAborted();
    if (known) return;
    const verified = VerifiedStream.of(content, expected);
    if (isManifestType(mediaType)) {
      const bytes = await collect(untilAborted(verified, signal), size);
      await this.#manifests.write(this.#path, { mediaType, digest, size }, bytes);
    } else await this.#pushBlob(expected, verified, signal);
  }

  /** Makes a file, whose bytes are known to match, a blob of this repository. The file stays. */
  async adopt({ digest, size }: Expected, file: string): Promise<void> {
    await syncFile(file);
    const shared = sharedBlobPath(this.#root, digest);
    const found = await sizeIfThere(shared);
    // A wrong length is what a power failure can leave behind.
    if (found !== undefined && found !== size) await removeIfThere(shared);
    if (found !== size) await linkOrCopy(file, shared);
    const own = blobPath(this.#path, digest);
    // Another process may have deleted the shared copy meanwhile.
    if (!(await linkOrCopy(shared, own))) await linkOrCopy(file, own);
  }

  async tag({ digest }: Descriptor, reference: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const tag = parseTag(reference);
    await this.#manifest(digest);
    await writeDurably(tagPath(this.#path, tag), digest);
  }

  async *tags({ last, signal }: TagListOptions = {}): AsyncGenerator<readonly string[]> {
    signal?.throwIfAborted();
    const tags = (await this.#tags()).sort();
    yield last === undefined ? tags : tags.filter((tag) => tag > last);
  }

  async referrers({ digest }: ContentId, options: ReferrerListOptions = {}): Promise<readonly Descriptor[]> {
    const { artifactType, signal } = options;
    const found: Descriptor[] = [];
    for (const file of (await namesIn(referrersPath(this.#path, digest))).sort()) {
      signal?.throwIfAborted();
      const descriptor = await this.#referrer(join(referrersPath(this.#path, digest), file), file);
      if (descriptor === undefined) continue;
      if (artifactType === undefined || descriptor.artifactType === artifactType) found.push(descriptor);
    }
    return found;
  }

  async deleteManifest(digest: Digest, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const manifest = await this.#manifest(digest);
    for (const tag of await this.#tags()) {
      if ((await this.#digestOfTag(tag)) === digest) await removeIfThere(tagPath(this.#path, tag));
    }
    await this.#manifests.remove(this.#path, manifest);
  }

  async deleteTag(tag: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (isTag(tag) && (await removeIfThere(tagPath(this.#path, tag)))) return;
    throw new OciError('NOT_FOUND', `Nothing is named ${quoted(tag)}`);
  }

  async deleteBlob(digest: Digest, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (!(await removeIfThere(blobPath(this.#path, digest)))) {
      throw new OciError('NOT_FOUND', `No blob has the digest ${digest}`);
    }
    const shared = sharedBlobPath(this.#root, digest);
    const found = await stat(shared).catch(() => undefined);
    // A repository that takes the blob at this moment has its own link already, which keeps the bytes.
    if (found?.nlink === 1) await removeIfThere(shared);
  }

  canMountFrom(from: unknown): boolean {
    return from instanceof DiskStore && from.#root === this.#root;
  }

  async mount({ digest }: ContentId, from: unknown, { signal }: CallOptions = {}): Promise<boolean> {
    signal?.throwIfAborted();
    if (!(from instanceof DiskStore) || !this.canMountFrom(from)) return false;
    const source = blobPath(from.#path, digest);
    return (await sizeIfThere(source)) !== undefined && linkOrCopy(source, blobPath(this.#path, digest));
  }

  async #pushBlob(expected: Expected, content: VerifiedStream, signal: AbortSignal | undefined): Promise<void> {
    const directory = uploadsPath(this.#root);
    await makeDirectory(directory);
    const temporary = join(directory, `${randomUUID()}.push`);
    try {
      await writeFileAtomically(temporary, content, { signal });
      await this.adopt(expected, temporary);
    } finally {
      await removeIfThere(temporary);
    }
  }

  async #manifest(digest: Digest): Promise<ManifestFile> {
    const manifest = await this.#manifests.read(this.#path, digest);
    if (manifest === undefined) throw new OciError('NOT_FOUND', `No manifest has the digest ${digest}`);
    return manifest;
  }

  async #digestOfTag(tag: string): Promise<Digest | undefined> {
    const text = isTag(tag) ? (await readIfThere(tagPath(this.#path, tag)))?.toString() : undefined;
    return text !== undefined && isDigest(text) ? text : undefined;
  }

  async #tags(): Promise<string[]> {
    return (await namesIn(tagsPath(this.#path))).flatMap((file) => tagOfFile(file) ?? []);
  }

  async #referrer(path: string, file: string): Promise<Descriptor | undefined> {
    const digest = digestOfReferrerFile(file);
    if (digest === undefined || (await this.#manifests.read(this.#path, digest)) === undefined) return undefined;
    const bytes = await readIfThere(path);
    return bytes === undefined ? undefined : descriptorFields(parseJson(bytes, `Referrer ${digest}`), '');
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
