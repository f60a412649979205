import { randomUUID } from 'node:crypto';
import { type ByteStream, streamOf } from '../content/bytes.ts';
import type { Uploads } from './storage.ts';
import { type Commit, type Spool, UploadSession } from './upload-session.ts';

/** How long an upload that nobody touches is kept in memory, in milliseconds. */
const maxIdle = 60 * 60 * 1000;

/** Uploads whose bytes wait in memory. */
export class MemoryUploads {
  readonly #sessions = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The uploads of one repository: sessions of another one are not found there. */
  in(repository: string, commit: Commit<MemorySpool>): Uploads {
    return {
      start: async ({ algorithm } = {}) => {
        this.#forgetOld();
        const session = new UploadSession(randomUUID(), new MemorySpool(), algorithm);
        this.#sessions.set(session.id, { repository, session, usedAt: this.#now() });
        return session.upload(commit, () => this.#sessions.delete(session.id));
      },
      find: async (id) => {
        const kept = this.#sessions.get(id);
        if (kept?.repository !== repository) return undefined;
        kept.usedAt = this.#now();
        return kept.session.upload(commit, () => this.#sessions.delete(id));
      },
    };
  }

  #forgetOld(): void {
    const oldest = this.#now() - maxIdle;
    for (const [id, { usedAt }] of this.#sessions) if (usedAt < oldest) this.#sessions.delete(id);
  }
}

interface Kept {
  readonly repository: string;
  readonly session: UploadSession<MemorySpool>;
  usedAt: number;
}

export class MemorySpool implements Spool {
  #chunks: Uint8Array[] = [];
  #size = 0;

  async size(): Promise<number> {
    return this.#size;
  }

  async append(content: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of content) {
      this.#chunks.push(chunk);
      this.#size += chunk.byteLength;
    }
  }

  async read(): Promise<ByteStream> {
    return streamOf(this.#chunks);
  }

  async remove(): Promise<void> {
    this.#chunks = [];
    this.#size = 0;
  }
}
