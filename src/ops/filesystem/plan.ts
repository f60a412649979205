import { Turns } from '../../async/turns.ts';
import { encodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import { cleanName } from './layer-log.ts';
import type { Merge } from './merge.ts';
import { nodeKinds, opacities } from './merged-tree.ts';
import { PagedBytes, PagedWords } from './paged-array.ts';
import type { PagedMemory } from './paged-memory.ts';

/** What is done with an entry of a layer: 0 nothing, else an inode, or a directory's node with this bit. */
export const directoryBit = 0x8000_0000;

/** Which entries of which layers make up the file system, and under which names. */
export interface Plan {
  /** For each layer what is done with each entry; `undefined` for layers of which nothing is needed. */
  readonly actions: readonly (PagedWords | undefined)[];
  /** For each inode the node of its first name, and for each node the next name of the same inode; 0 for none. */
  readonly firstName: PagedWords;
  readonly nextName: PagedWords;
  /** Nodes that are written without an entry of a layer, in order: what hides lower layers, and empty directories. */
  extra(): Iterable<number>;
  /** Whether a node is part of what is written. */
  isWritten(node: number): boolean;
  /** For who writes: which directories were met. */
  readonly met: PagedBytes;
}

export interface PlanOptions extends CallOptions {
  readonly memory: PagedMemory;
  /** How many layers there are. */
  readonly layers: number;
  /** Only what is there and below; all when it is empty. */
  readonly path: string;
}

/** @throws {OciError} `NOT_FOUND` when nothing is at the path; `FILE_SYSTEM` */
export async function planOf(merge: Merge, { memory, layers, path, signal }: PlanOptions): Promise<Plan> {
  const { tree, inodes } = merge;
  const turns = new Turns(signal);
  const live = await liveNodes(merge, path, memory, turns);
  const actions: (PagedWords | undefined)[] = Array.from({ length: layers }, () => undefined);
  const firstName = new PagedWords(memory);
  const nextName = new PagedWords(memory);
  const extra = new PagedWords(memory);
  let extras = 0;
  function act(inode: number, action: number): void {
    const ofLayer = (actions[inodes.layerOf(inode)] ??= new PagedWords(memory));
    ofLayer.set(inodes.ordinalOf(inode), action);
  }
  // From the last to the first, so that the names of an inode come out in order.
  for (let node = tree.end - 1; node > 0; node--) {
    if (turns.isOver()) await turns.next();
    const state = live.get(node);
    if ((state & selected) === 0) continue;
    const inode = tree.dataOf(node);
    if (!tree.isDirectory(node)) {
      if (tree.kindOf(node) === nodeKinds.hidden) extra.set(extras++, node);
      else {
        const next = firstName.get(inode);
        if (next !== 0) nextName.set(node, next);
        firstName.set(inode, node);
        act(inode, inode);
      }
    } else {
      const isOpaque = merge.keepsWhiteouts && tree.opacityOf(node) !== opacities.none;
      if (isOpaque || (inode === 0 && node !== tree.root && (state & hasContent) === 0)) extra.set(extras++, node);
      if (inode !== 0) act(inode, node + directoryBit);
    }
  }
  return {
    actions,
    firstName,
    nextName,
    *extra() {
      for (let i = extras - 1; i >= 0; i--) yield extra.get(i);
    },
    isWritten: (node) => (live.get(node) & selected) !== 0,
    met: new PagedBytes(memory),
  };
}

const reachable = 1;
const selected = 2;
const hasContent = 4;

async function liveNodes(merge: Merge, path: string, memory: PagedMemory, turns: Turns): Promise<PagedBytes> {
  const { tree } = merge;
  const only = nodeAt(merge, path);
  const live = new PagedBytes(memory);
  for (let node = 1; node < tree.end; node++) {
    if (turns.isOver()) await turns.next();
    let state = 0;
    if (node !== tree.root) {
      const parent = tree.parentOf(node);
      state = live.get(parent);
      if (state === 0 || !tree.isDirectory(parent) || tree.kindOf(node) === nodeKinds.gone) continue;
      if ((state & hasContent) === 0) live.set(parent, state | hasContent);
    }
    live.set(node, reachable | (node === only ? selected : state & selected));
  }
  return live;
}

function nodeAt(merge: Merge, path: string): number {
  const node = merge.find(encodeText(cleanName(path)));
  if (node !== 0) return node;
  throw new OciError('NOT_FOUND', `The image has no file or directory ${quoted(path)}`);
}
