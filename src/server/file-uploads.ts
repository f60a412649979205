import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteStream } from '../content/bytes.ts';
import { readFileStream, writeChunks } from '../content/file.ts';
import { makeDirectory } from '../content/make-directory.ts';
import type { Uploads } from './storage.ts';
import { type Commit, type Spool, UploadSession } from './upload-session.ts';

/** How long an upload that nobody touches is kept on disk, in milliseconds. */
const maxIdle = 24 * 60 * 60 * 1000;
const cleaningInterval = 60 * 60 * 1000;

/**
 * Uploads whose bytes wait in files of one directory. A session is known by its file alone, so that it outlives the process;
 * the name holds the session and a mark of its repository.
 */
export class FileUploads {
  readonly #directory: string;
  readonly #now: () => number;
  readonly #sessions = new Map<string, UploadSession<FileSpool>>();
  #cleanedAt = -Infinity;

  constructor(directory: string, now: () => number = Date.now) {
    this.#directory = directory;
    this.#now = now;
  }

  /** Makes the directory and removes what was left in it long ago. */
  async open(): Promise<void> {
    await makeDirectory(this.#directory);
    await this.#removeOld();
  }

  /** The uploads of one repository: sessions of another one are not found there. */
  in(repository: string, commit: Commit<FileSpool>): Uploads {
    const show = (file: string, session: UploadSession<FileSpool>) =>
      session.upload(commit, () => this.#sessions.delete(file));
    return {
      start: async ({ algorithm } = {}) => {
        await this.open();
        const id = randomUUID();
        const file = fileName(id, repository);
        const spool = await FileSpool.create(join(this.#directory, file));
        const session = new UploadSession(id, spool, algorithm);
        this.#sessions.set(file, session);
        return show(file, session);
      },
      find: async (id) => {
        if (!sessionPattern.test(id)) return undefined;
        const file = fileName(id, repository);
        const session = await this.#session(id, file);
        return session === undefined ? undefined : show(file, session);
      },
    };
  }

  /** The file decides: another process, or this one before it was restarted, may have begun or ended the session. */
  async #session(id: string, file: string): Promise<UploadSession<FileSpool> | undefined> {
    const path = join(this.#directory, file);
    if ((await stat(path).catch(() => undefined)) === undefined) {
      this.#sessions.delete(file);
      return undefined;
    }
    const session = this.#sessions.get(file) ?? new UploadSession(id, new FileSpool(path));
    this.#sessions.set(file, session);
    return session;
  }

  async #removeOld(): Promise<void> {
    if (this.#now() - this.#cleanedAt < cleaningInterval) return;
    this.#cleanedAt = this.#now();
    const oldest = this.#now() - maxIdle;
    for (const file of await readdir(this.#directory)) {
      const path = join(this.#directory, file);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || found.mtimeMs >= oldest) continue;
      this.#sessions.delete(file);
      await rm(path, { force: true });
    }
  }
}

const sessionPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function fileName(id: string, repository: string): string {
  return `${id}.${createHash('sha256').update(repository).digest('hex').slice(0, 16)}`;
}

export class FileSpool implements Spool {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async create(path: string): Promise<FileSpool> {
    const handle = await open(path, 'wx');
    await handle.close();
    return new FileSpool(path);
  }

  async size(): Promise<number> {
    return (await stat(this.path)).size;
  }

  async append(content: AsyncIterable<Uint8Array>): Promise<void> {
    const handle = await open(this.path, 'a');
    try {
      await writeChunks(handle, content);
    } finally {
      await handle.close();
    }
  }

  async read(): Promise<ByteStream> {
    return readFileStream(this.path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
