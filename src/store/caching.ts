import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { type ByteStream, pipe } from '../content/bytes.ts';
import { readFileStream } from '../content/file.ts';
import { VerifiedStream } from '../content/verify.ts';
import { makeDirectory } from '../content/make-directory.ts';
import { messageOf } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import { isImageConfigType, isManifestType } from '../oci/media-type.ts';
import type { CallOptions } from '../options.ts';
import { canListReferrers, canListTags } from './capabilities.ts';
import type { ContentSource } from './store.ts';

/** What became of a request for a layer. */
export type CacheEvent =
  | { readonly type: 'hit'; readonly target: Descriptor }
  | { readonly type: 'miss'; readonly target: Descriptor }
  /** The layer passes, but is not kept. */
  | { readonly type: 'failed'; readonly target: Descriptor; readonly message: string };

export interface CachingOptions {
  /** Called synchronously; it must not throw. */
  readonly onEvent?: ((event: CacheEvent) => void) | undefined;
}

/**
 * A source whose layers are kept in a directory, in files that crane's `pull --cache_path` reads and writes too: named
 * `sha256:<hex>`. crane-cli reference, section 13.4. A file that does not hash to its name is silently fetched anew; one that
 * is only partly read is not kept; a cache that cannot be written stands in nobody's way.
 */
export function cachingSource(source: ContentSource, directory: string, options: CachingOptions = {}): ContentSource {
  const cached = new CachingSource(source, directory, options);
  return Object.assign(
    cached,
    canListReferrers(source)
      ? { referrers: (...args: Parameters<typeof source.referrers>) => source.referrers(...args) }
      : undefined,
    canListTags(source) ? { tags: (...args: Parameters<typeof source.tags>) => source.tags(...args) } : undefined,
  );
}

class CachingSource implements ContentSource {
  readonly #source: ContentSource;
  readonly #directory: string;
  readonly #onEvent: ((event: CacheEvent) => void) | undefined;

  constructor(source: ContentSource, directory: string, { onEvent }: CachingOptions) {
    this.#source = source;
    this.#directory = directory;
    this.#onEvent = onEvent;
  }

  resolve(reference: string, options?: CallOptions): Promise<Descriptor> {
    return this.#source.resolve(reference, options);
  }

  stat(content: ContentId, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#source.stat(content, options);
  }

  async fetch(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    if (isManifestType(target.mediaType) || isImageConfigType(target.mediaType)) {
      return this.#source.fetch(target, options);
    }
    options.signal?.throwIfAborted();
    const path = join(this.#directory, fileNameOf(target));
    if (await isIntact(path, target, options)) {
      this.#onEvent?.({ type: 'hit', target });
      return VerifiedStream.of(await readFileStream(path, { regularOnly: true, signal: options.signal }), target);
    }
    this.#onEvent?.({ type: 'miss', target });
    const stream = VerifiedStream.of(await this.#source.fetch(target, options), target);
    return VerifiedStream.of(
      pipe(stream, (chunks) => this.#keep(path, target, chunks)),
      target,
    );
  }

  /** Hands chunks on and writes them to a file beside, which gets its name just before the last ones are handed on. */
  async *#keep(path: string, target: Descriptor, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    const file = new CacheFile(path);
    try {
      let seen = 0;
      for await (const chunk of chunks) {
        seen += chunk.byteLength;
        await file.write(chunk);
        // The source has checked the digest by now: it holds the last bytes back until then.
        if (seen === target.size) await file.keep();
        yield chunk;
      }
      if (target.size === 0) await file.keep();
    } finally {
      await file.close();
      if (file.failure !== undefined) {
        this.#onEvent?.({ type: 'failed', target, message: messageOf(file.failure) });
      }
    }
  }
}

/** A file on its way into the cache. Its failures end the caching, not the transfer. */
class CacheFile {
  readonly #path: string;
  readonly #temporary: string;
  #handle: FileHandle | undefined;
  failure: unknown;

  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${randomBytes(8).toString('hex')}.partial`;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#attempt(async () => (await this.#open()).appendFile(chunk));
  }

  /** Gives the file its name. */
  async keep(): Promise<void> {
    await this.#attempt(async () => {
      await (await this.#open()).close();
      await rename(this.#temporary, this.#path);
      this.#handle = undefined;
    });
  }

  /** Removes the file unless it was kept. */
  async close(): Promise<void> {
    if (this.#handle === undefined) return;
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true }).catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle === undefined) {
      await makeDirectory(dirname(this.#path), { mode: 0o700 });
      this.#handle = await open(this.#temporary, 'wx', 0o600);
    }
    return this.#handle;
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      await step();
    } catch (error) {
      this.failure = error;
    }
  }
}

/** Whether the cache has the very content. What is in the file is no reason to trust its name. */
async function isIntact(path: string, target: Descriptor, { signal }: CallOptions): Promise<boolean> {
  try {
    const file = await readFileStream(path, { regularOnly: true, signal });
    for await (const _ of VerifiedStream.of(file, target));
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/** A colon has a meaning of its own in the paths of Windows. */
function fileNameOf({ digest }: Descriptor): string {
  return sep === '\\' ? digest.replace(':', '-') : digest;
}
