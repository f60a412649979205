import { untilAborted } from '../../content/abort.ts';
import { decompress } from '../../content/compression.ts';
import { spool, type Spool } from '../../content/spool.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import { type TarEntry, TarReader } from '../../content/tar/reader.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { TransferOptions } from '../../store/progress.ts';
import type { ContentSource } from '../../store/store.ts';
import { cleanName, type LayerLog } from '../filesystem/layer-log.ts';
import type { Limits } from '../filesystem/limits.ts';
import type { Merge } from '../filesystem/merge.ts';
import { openLayer, release } from '../filesystem/scan-layer.ts';
import { expandSparse } from '../filesystem/sparse-body.ts';
import { type Mark, markOf } from '../filesystem/whiteout.ts';

/** A file as a layer has it. The content exists until it is disposed of. */
export interface FileEntry {
  readonly header: TarHeader;
  readonly content: Spool;
}

/** What one layer says of a path. */
export interface LayerFindings {
  readonly log: LayerLog;
  /** The last entry of that very name, when it is a regular file. */
  readonly file: FileEntry | undefined;
  /** There is something of another name that may stand for the path, or for what it leads through, or hide lower layers. */
  readonly isUnclear: boolean;
}

export interface LayerSearchOptions extends TransferOptions {
  readonly temporaryDirectory?: string | undefined;
}

/** Reads layers for one file, and verifies them. */
export class LayerSearch {
  readonly #store: ContentSource;
  readonly #limits: Limits;
  readonly #options: LayerSearchOptions;

  constructor(store: ContentSource, limits: Limits, options: LayerSearchOptions) {
    this.#store = store;
    this.#limits = limits;
    this.#options = options;
  }

  /**
   * Notes all entries, and takes the content of the file of that name.
   *
   * @param path clean
   */
  async scan(layer: Descriptor, path: string, merge: Merge): Promise<LayerFindings> {
    const log = merge.newLog();
    const bystander = bystanderTest(path);
    let file: FileEntry | undefined;
    let isUnclear = false;
    try {
      await this.#read(layer, async (entry) => {
        const { header } = entry;
        log.add(header);
        const name = cleanName(header.name);
        const mark = markOf(name);
        if (mark !== undefined || name !== path) isUnclear ||= !bystander(name, mark, header);
        else {
          // Of one name in one layer the last entry counts.
          await file?.content[Symbol.asyncDispose]();
          file = undefined;
          if (header.type === 'file') file = await this.#take(entry);
          else isUnclear = true;
        }
      });
      return { log, file, isUnclear };
    } catch (error) {
      await file?.content[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One entry by its place in a layer. @returns `undefined` when it is no regular file */
  async entryAt(layer: Descriptor, ordinal: number): Promise<FileEntry | undefined> {
    let found: FileEntry | undefined;
    let at = 0;
    try {
      await this.#read(layer, async (entry) => {
        if (at++ === ordinal && entry.header.type === 'file') found = await this.#take(entry);
      });
      return found;
    } catch (error) {
      await found?.content[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #read(layer: Descriptor, each: (entry: TarEntry) => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const opened = await openLayer(this.#store, layer, this.#options);
    try {
      const { stream } = await decompress(untilAborted(opened, signal), { limit: this.#limits.maxBytes });
      for await (const entry of new TarReader(stream, { signal })) {
        this.#limits.countEntry();
        await each(entry);
      }
      this.#options.onProgress?.({ type: 'finish', target: layer });
    } catch (error) {
      await release(opened, signal);
      throw error;
    }
  }

  async #take({ header, body }: TarEntry): Promise<FileEntry> {
    const { signal, temporaryDirectory: directory } = this.#options;
    if (header.sparse !== undefined) this.#limits.countBytes(header.sparse.realSize);
    const bytes = header.sparse === undefined ? body : expandSparse(body, header.sparse);
    return { header, content: await spool(bytes, { directory, signal }) };
  }
}

/**
 * Tells entries that have nothing to do with a path. A name may lead to the same place through a symbolic link of another
 * layer; then its last part is the same, unless it is the link itself.
 */
function bystanderTest(path: string): (name: string, mark: Mark | undefined, header: TarHeader) => boolean {
  const parts = path.split('/');
  const base = parts.at(-1) ?? '';
  const names = new Set(parts);
  return (name, mark, { type }) => {
    const last = lastPart(mark === undefined || mark.kind === 'private' ? name : mark.path);
    if (mark?.kind === 'whiteout') return !names.has(last);
    if (mark?.kind === 'opaque') return last !== '' && !names.has(last);
    if (last === base) return false;
    return type === 'directory' || !path.startsWith(`${name}/`);
  };
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
