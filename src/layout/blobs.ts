import { link, lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type ByteSource, type ByteStream, discard } from '../content/bytes.ts';
import { fileFault } from '../content/file-fault.ts';
import { readFileStream, writeFileAtomically } from '../content/file.ts';
import { VerifiedStream } from '../content/verify.ts';
import { makeDirectory } from '../content/make-directory.ts';
import { isOciError, OciError, quoted } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, hexOf } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';

/** The `blobs` directory of a layout: `blobs/<algorithm>/<hex>`. Directories are made when the first file needs them. */
export class BlobDirectory {
  readonly #root: string;
  readonly #directories = new Map<string, Promise<void>>();
  /** Outermost directories that were made, and files that were written: what {@link rollback} removes. */
  readonly #made: string[] = [];
  readonly #written = new Set<string>();

  constructor(root: string) {
    this.#root = resolve(root);
  }

  /** Bytes of the blob; `undefined` when it is missing or no regular file. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      const stats = await lstat(this.pathOf(digest));
      return stats.isFile() ? stats.size : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Never follows symbolic links, and never reads more than one byte beyond the stated size. */
  async read(target: Descriptor, options: CallOptions = {}): Promise<ByteStream> {
    return VerifiedStream.of(await this.readRange(target, 0, target.size + 1, options), target);
  }

  async readRange({ digest }: Descriptor, start: number, end: number, { signal }: CallOptions): Promise<ByteStream> {
    try {
      return await readFileStream(this.pathOf(digest), { start, end, regularOnly: true, signal });
    } catch (cause) {
      if (!isOciError(cause, 'NOT_FOUND')) throw cause;
      throw new OciError('NOT_FOUND', `No content has the digest ${digest} in the layout ${quoted(this.#root)}`, {
        cause,
      });
    }
  }

  /** A file of the right size is trusted and left; one of another size is replaced. */
  async write(expected: Descriptor, content: ByteSource, { signal }: CallOptions = {}): Promise<void> {
    let known: boolean;
    try {
      signal?.throwIfAborted();
      known = (await this.sizeOf(expected.digest)) === expected.size;
      if (!known) await this.#prepare(algorithmOf(expected.digest));
    } catch (error) {
      await discard(content);
      throw error;
    }
    if (known) return discard(content);
    const path = this.pathOf(expected.digest);
    const stream = VerifiedStream.of(content, expected);
    if (!(await isLinked(stream, path))) await writeFileAtomically(path, stream, { signal });
    this.#written.add(path);
  }

  /** @returns whether it was there */
  async delete(digest: Digest): Promise<boolean> {
    if ((await this.sizeOf(digest)) === undefined) return false;
    await rm(this.pathOf(digest), { force: true });
    return true;
  }

  /** Makes the layout's directory when it is missing. */
  async prepareRoot(): Promise<void> {
    await this.#prepare('sha256');
  }

  /**
   * Removes the files that were written here, and the directories that were made for them as far as they are empty. Files of
   * somebody else show that another process fills the same layout and may count on ours: then all stay.
   */
  async rollback(): Promise<void> {
    const directories = [...this.#directories.keys()].map((algorithm) => join(this.#root, 'blobs', algorithm));
    const isOurs = await Promise.all(directories.map((directory) => this.#wroteAllOf(directory)));
    if (isOurs.includes(false)) return;
    for (const path of this.#written) await rm(path, { force: true });
    this.#written.clear();
    this.#directories.clear();
    for (const outermost of this.#made.splice(0)) {
      for (const directory of directories) await removeEmpty(directory, outermost);
    }
  }

  /** A digest has been checked: it cannot lead out of the directory. */
  pathOf(digest: Digest): string {
    return join(this.#root, 'blobs', algorithmOf(digest), hexOf(digest));
  }

  async #wroteAllOf(directory: string): Promise<boolean> {
    const names = await readdir(directory).catch(() => []);
    return names.every((name) => this.#written.has(join(directory, name)));
  }

  #prepare(algorithm: string): Promise<void> {
    const known = this.#directories.get(algorithm);
    if (known !== undefined) return known;
    const prepared = makeDirectory(join(this.#root, 'blobs', algorithm)).then(
      (outermost) => {
        if (outermost !== undefined) this.#made.push(resolve(outermost));
      },
      (error: unknown) => {
        throw fileFault(error, 'make the directory', this.#root);
      },
    );
    this.#directories.set(algorithm, prepared);
    prepared.catch(() => this.#directories.delete(algorithm));
    return prepared;
  }
}

/** Spares a second copy of what was put into a temporary file, where that is on the same file system. */
async function isLinked(content: VerifiedStream, path: string): Promise<boolean> {
  const { file } = content;
  if (file === undefined) return false;
  try {
    const [ours, place] = await Promise.all([lstat(file), lstat(dirname(path))]);
    // A directory that is shared gives its group to what is made in it, and not to what is linked.
    if (ours.gid !== place.gid) return false;
    await link(file, path);
  } catch {
    // Whatever the reason, writing shows it or does without.
    return false;
  }
  await content.taken();
  return true;
}

/** From a directory upwards to `outermost`; stops at the first that holds something. */
async function removeEmpty(from: string, outermost: string): Promise<void> {
  for (let directory = from; directory.startsWith(outermost); directory = dirname(directory)) {
    try {
      await rmdir(directory);
    } catch (error) {
      if (!isMissing(error)) return;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
