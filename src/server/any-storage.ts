import { type ByteStream, pipe } from '../content/bytes.ts';
import { VerifiedStream } from '../content/verify.ts';
import { quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import { canFetchRange, canMount } from '../store/capabilities.ts';
import type { ContentStore } from '../store/store.ts';
import type { ByteRange } from '../wire/content-range.ts';
import { Refusal } from './errors.ts';
import { FileUploads } from './file-uploads.ts';
import { MemoryUploads } from './memory-uploads.ts';
import type { RegistryRepository, RegistryStorage, Uploads } from './storage.ts';
import type { Spool } from './upload-session.ts';

export interface StorageOfOptions {
  /**
   * Directory for uploads that are not finished.
   *
   * @default they wait in memory
   */
  readonly uploadDirectory?: string | undefined;
  /**
   * Names the repositories, page by page.
   *
   * @default the server answers that it has no catalog
   */
  readonly repositories?: ((options?: CallOptions) => AsyncIterable<readonly string[]>) | undefined;
}

/**
 * Serves stores of any kind as the repositories of a registry: a layout, an archive, another registry.
 *
 * @param open gives the store of a repository; `undefined` when there is no such repository
 */
export function storageOf(
  open: (name: string) => ContentStore | undefined | Promise<ContentStore | undefined>,
  options: StorageOfOptions = {},
): RegistryStorage {
  const { uploadDirectory, repositories } = options;
  const sessions = uploadDirectory === undefined ? new MemoryUploads() : new FileUploads(uploadDirectory);
  return {
    async find(name) {
      const content = await open(name);
      return content === undefined ? undefined : repositoryOf(content, uploadsInto(content, sessions, name));
    },
    async create(name) {
      const content = (await open(name)) ?? missing(name);
      return repositoryOf(content, uploadsInto(content, sessions, name));
    },
    ...(repositories === undefined ? {} : { repositories }),
  };
}

function uploadsInto(content: ContentStore, sessions: MemoryUploads | FileUploads, name: string): Uploads {
  return sessions.in(name, async (expected, spool: Spool, options) => {
    const target = { mediaType: mediaTypes.octetStream, ...expected };
    await content.push(target, VerifiedStream.proven(await spool.read(), expected), options);
  });
}

function repositoryOf(content: ContentStore, uploads: Uploads): RegistryRepository {
  return {
    content,
    uploads,
    read: (target, range, options) => readFrom(content, target, range, options),
    async mount(digest, from, options) {
      if (!canMount(content) || !content.canMountFrom(from.content)) return false;
      const target = await from.content.stat({ mediaType: mediaTypes.octetStream, digest }, options);
      return target !== undefined && content.mount(target, from.content, options);
    },
  };
}

async function readFrom(
  content: ContentStore,
  target: Descriptor,
  range: ByteRange | undefined,
  options: CallOptions | undefined,
): Promise<ByteStream> {
  if (range === undefined) return content.fetch(target, options);
  if (canFetchRange(content)) return content.fetchRange(target, range.start, range.end, options);
  return pipe(await content.fetch(target, options), (source) => part(source, range));
}

async function* part(source: AsyncIterable<Uint8Array>, { start, end }: ByteRange): AsyncGenerator<Uint8Array, void> {
  let offset = 0;
  for await (const chunk of source) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, chunk.byteLength);
    offset += chunk.byteLength;
    if (from < to) yield chunk.subarray(from, to);
    if (offset >= end) return;
  }
}

function missing(name: string): never {
  throw new Refusal(404, 'NAME_UNKNOWN', `There is no repository ${quoted(name)}`);
}
