import { ChunkCursor } from '../../content/tar/chunk-cursor.ts';
import { encodeTarHeader, type TarFields, tarFieldsOf } from '../../content/tar/encode-header.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import { decodeText } from '../../content/tar/text.ts';
import { type TarEntry, TarReader } from '../../content/tar/reader.ts';
import { tarPadding, tarTrailer } from '../../content/tar/writer.ts';
import { OciError } from '../../errors.ts';
import { Gatherer } from './gatherer.ts';
import type { Merge } from './merge.ts';
import { nodeKinds, opacities } from './merged-tree.ts';
import type { PagedWords } from './paged-array.ts';
import { directoryBit, type Plan } from './plan.ts';
import { expandSparse } from './sparse-body.ts';
import type { ReadLayerOptions, UnpackedLayer } from './unpacked-layer.ts';
import { opaqueMarkOf, whiteoutOf } from './whiteout.ts';

/**
 * Writes the archive that a plan describes: layers from the lowest on, directories before what lies in them, the first name
 * of a file with its content and all further ones as hard links right behind it. The trailer comes last of all, so that
 * nothing that failed looks complete.
 */
export async function* writeLayers(
  merge: Merge,
  plan: Plan,
  layers: readonly UnpackedLayer[],
  options: ReadLayerOptions,
): AsyncGenerator<Uint8Array, void> {
  const writer = new EntryWriter(merge, plan);
  const gatherer = new Gatherer(options.reusesChunks ?? false);
  for (const node of plan.extra()) for (const chunk of writer.extra(node)) yield* gatherer.add(chunk);
  for (const [index, layer] of layers.entries()) {
    const actions = plan.actions[index];
    if (actions !== undefined) yield* writeLayer(writer, actions, layer, gatherer, options);
    await layer[Symbol.asyncDispose]();
  }
  yield* gatherer.add(tarTrailer);
  yield* gatherer.flush();
}

async function* writeLayer(
  writer: EntryWriter,
  actions: PagedWords,
  layer: UnpackedLayer,
  gatherer: Gatherer,
  options: ReadLayerOptions,
): AsyncGenerator<Uint8Array, void> {
  if (layer.spans.areUseful) {
    yield* copySpans(writer, actions, layer, gatherer, options);
    return;
  }
  let ordinal = 0;
  let hasGlobals = false;
  for await (const entry of new TarReader(layer.read(options), options)) {
    hasGlobals ||= entry.parts.some(({ kind }) => kind === 'pax-global');
    const action = actions.get(ordinal++);
    if (action >= directoryBit) {
      for (const chunk of writer.directory(action - directoryBit)) for (const full of gatherer.add(chunk)) yield full;
    } else if (action !== 0) yield* writeEntry(writer, entry, action, gatherer, !hasGlobals);
  }
}

/** Copies neighbours that stay as they are as one, and reads the headers of those only that do not. */
async function* copySpans(
  writer: EntryWriter,
  actions: PagedWords,
  layer: UnpackedLayer,
  gatherer: Gatherer,
  options: ReadLayerOptions,
): AsyncGenerator<Uint8Array, void> {
  const cursor = new ChunkCursor(layer.read(options));
  let ordinal = 0;
  let waiting = 0;
  try {
    for (const { length, isPlain } of layer.spans.all()) {
      const action = actions.get(ordinal++);
      const isFile = action !== 0 && action < directoryBit;
      const isCopied = isFile && isPlain && writer.isUnchanged(action);
      const hasParent = isCopied && writer.hasParent(action);
      if (waiting > 0 && !hasParent) {
        for await (const chunk of bytesOf(cursor, waiting)) for (const full of gatherer.add(chunk)) yield full;
        waiting = 0;
      }
      if (isCopied) {
        if (!hasParent) for (const chunk of writer.before(action)) for (const full of gatherer.add(chunk)) yield full;
        waiting += length;
      } else if (isFile) {
        for await (const entry of new TarReader(bytesOf(cursor, length), options)) {
          yield* writeEntry(writer, entry, action, gatherer, true);
        }
      } else {
        if (action !== 0) {
          for (const chunk of writer.directory(action - directoryBit))
            for (const full of gatherer.add(chunk)) yield full;
        }
        if (cursor.view(length) === undefined) for await (const _ of bytesOf(cursor, length));
      }
    }
    for await (const chunk of bytesOf(cursor, waiting)) for (const full of gatherer.add(chunk)) yield full;
  } finally {
    await cursor.close();
  }
}

async function* bytesOf(cursor: ChunkCursor, length: number): AsyncGenerator<Uint8Array, void> {
  for (let left = length; left > 0;) {
    const chunk = await cursor.chunk(left);
    if (chunk === undefined) throw new OciError('FILE_SYSTEM', 'A temporary file lost what was written to it');
    left -= chunk.byteLength;
    yield chunk;
  }
}

async function* writeEntry(
  writer: EntryWriter,
  entry: TarEntry,
  inode: number,
  gatherer: Gatherer,
  standsForItself: boolean,
): AsyncGenerator<Uint8Array, void> {
  for (const chunk of writer.before(inode)) for (const full of gatherer.add(chunk)) yield full;
  const name = writer.nameOf(inode);
  const mayPass = standsForItself && name === entry.header.name && entry.header.sparse === undefined;
  const rest = mayPass ? entry.restHere() : undefined;
  if (rest !== undefined) {
    for (const { bytes } of entry.parts) for (const full of gatherer.add(bytes)) yield full;
    for (const full of gatherer.add(rest)) yield full;
  } else {
    for await (const chunk of mayPass ? entry.raw() : renamed(entry, name)) {
      for (const full of gatherer.add(chunk)) yield full;
    }
  }
  for (const chunk of writer.after(inode, entry.header)) for (const full of gatherer.add(chunk)) yield full;
}

class EntryWriter {
  readonly #merge: Merge;
  readonly #plan: Plan;
  #lastParent = 0;
  #lastPath = '';

  constructor(merge: Merge, plan: Plan) {
    this.#merge = merge;
    this.#plan = plan;
  }

  /** What hides lower layers, or a directory that no entry names and nothing would bring into being. */
  *extra(node: number): Generator<Uint8Array, void> {
    const { tree, keepsWhiteouts } = this.#merge;
    yield* this.#parents(node);
    if (tree.kindOf(node) === nodeKinds.hidden) {
      yield encodeTarHeader({ name: whiteoutOf(tree.pathOf(node)) });
      return;
    }
    const opacity = keepsWhiteouts ? tree.opacityOf(node) : opacities.none;
    // Without a mark it is a directory that has nothing in it.
    if (opacity !== opacities.marked || tree.dataOf(node) !== 0) yield* this.directory(node, true);
    if (opacity !== opacities.none) yield encodeTarHeader({ name: opaqueMarkOf(tree.pathOf(node)) });
  }

  *directory(node: number, evenWithoutEntry: boolean = false): Generator<Uint8Array, void> {
    if (this.#isMet(node)) return;
    this.#plan.met.set(node, 1);
    yield* this.#parents(node);
    const { tree, inodes, attributes } = this.#merge;
    const inode = tree.dataOf(node);
    // Before its path is put together: a name may have half a million directories in it.
    if (inode === 0 && !evenWithoutEntry) return;
    const name = this.#pathOf(node);
    if (inode === 0) yield encodeTarHeader({ name, type: 'directory', mode: 0o755 });
    else yield encodeTarHeader({ name, ...attributes.read(inodes.attributesOf(inode)) }, { times: 'pax' });
  }

  /** Whether a file has the one name that its entry gives it. */
  isUnchanged(inode: number): boolean {
    const first = this.#plan.firstName.get(inode);
    return this.#merge.inodes.homeOf(inode) === first && this.#plan.nextName.get(first) === 0;
  }

  /** Whether the directory that a file lies in was written. */
  hasParent(inode: number): boolean {
    return this.#isMet(this.#merge.tree.parentOf(this.#plan.firstName.get(inode)));
  }

  /** What has to stand before the content of a file. */
  before(inode: number): Generator<Uint8Array, void> {
    return this.#parents(this.#plan.firstName.get(inode));
  }

  /** The first name of a file, which its content goes under. */
  nameOf(inode: number): string {
    return this.#pathOf(this.#plan.firstName.get(inode));
  }

  /** The other names of a file. */
  *after(inode: number, header: TarHeader): Generator<Uint8Array, void> {
    const { firstName, nextName } = this.#plan;
    const first = firstName.get(inode);
    let node = nextName.get(first);
    if (node === 0) return;
    const name = this.#pathOf(first);
    for (; node !== 0; node = nextName.get(node)) {
      yield* this.#parents(node);
      yield encodeTarHeader(linkTo(name, this.#pathOf(node), header), { times: 'pax' });
    }
  }

  *#parents(node: number): Generator<Uint8Array, void> {
    const { tree } = this.#merge;
    const missing: number[] = [];
    let at = tree.parentOf(node);
    for (; at !== 0 && !this.#isMet(at) && this.#plan.isWritten(at); at = tree.parentOf(at)) missing.push(at);
    for (let next = missing.pop(); next !== undefined; next = missing.pop()) yield* this.directory(next);
  }

  #isMet(node: number): boolean {
    return this.#plan.met.get(node) === 1;
  }

  /** Neighbours have the same parent most of the time. */
  #pathOf(node: number): string {
    const { tree } = this.#merge;
    if (node === tree.root) return '.';
    const parent = tree.parentOf(node);
    if (parent !== this.#lastParent) {
      this.#lastParent = parent;
      this.#lastPath = parent === tree.root ? '' : `${tree.pathOf(parent)}/`;
    }
    return this.#lastPath + decodeText(tree.nameOf(node));
  }
}

/** Global records of the layer become those of the entry; a sparse file becomes an ordinary one. */
async function* renamed({ header, body }: TarEntry, name: string): AsyncGenerator<Uint8Array, void> {
  const size = header.sparse?.realSize ?? header.size;
  yield encodeTarHeader({ ...tarFieldsOf(header), name, size }, { times: 'pax' });
  if (header.sparse === undefined) yield* body;
  else yield* expandSparse(body, header.sparse);
  yield tarPadding(size);
}

function linkTo(linkname: string, name: string, header: TarHeader): TarFields {
  const { mode, uid, gid, uname, gname, mtime } = header;
  return { name, type: 'hardlink', linkname, mode, uid, gid, uname, gname, mtime };
}
