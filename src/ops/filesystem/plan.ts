import { encodeText } from '../../content/tar/text.ts';
import { OciError, quoted } from '../../errors.ts';
import { ByteLogReader } from './byte-log.ts';
import { cleanName } from './layer-log.ts';
import type { Merge } from './merge.ts';
import { nodeKinds, opacities } from './merged-tree.ts';

/** What is done with an entry of a layer: 0 nothing, else an inode, or a directory's node with this bit. */
export const directoryBit = 0x8000_0000;

/** Which entries of which layers make up the file system, and under which names. */
export interface Plan {
  /** For each layer what is done with each entry; `undefined` for layers of which nothing is needed. */
  readonly actions: readonly (Uint32Array | undefined)[];
  /** For each inode the node of its first name, and for each node the next name of the same inode; 0 for none. */
  readonly firstName: Uint32Array;
  readonly nextName: Uint32Array;
  /** Nodes that are written without an entry of a layer, in order: what hides lower layers, and empty directories. */
  readonly extra: readonly number[];
  /** Whether a node is part of what is written. */
  isWritten(node: number): boolean;
}

/**
 * @param counts how many entries each layer has
 * @param path only what is there and below; all when it is empty
 * @throws {OciError} `NOT_FOUND` when nothing is at the path
 */
export function planOf(merge: Merge, counts: readonly number[], path: string): Plan {
  const { tree, inodes, attributes } = merge;
  const live = liveNodes(merge, path);
  const actions: (Uint32Array | undefined)[] = counts.map(() => undefined);
  const firstName = new Uint32Array(inodes.end);
  const nextName = new Uint32Array(tree.end);
  const extra: number[] = [];
  function act(layer: number, ordinal: number, action: number): void {
    const ofLayer = (actions[layer] ??= new Uint32Array(counts[layer] ?? 0));
    ofLayer[ordinal] = action;
  }
  // From the last to the first, so that the names of an inode come out in order.
  for (let node = tree.end - 1; node > 0; node--) {
    const state = live[node];
    if (state === undefined || (state & selected) === 0) continue;
    const data = tree.dataOf(node);
    if (!tree.isDirectory(node)) {
      if (tree.kindOf(node) === nodeKinds.hidden) extra.push(node);
      else {
        nextName[node] = firstName[data] as number;
        firstName[data] = node;
        act(inodes.layerOf(data), inodes.ordinalOf(data), data);
      }
    } else {
      const isOpaque = merge.keepsWhiteouts && tree.opacityOf(node) !== opacities.none;
      if (isOpaque || (data === 0 && node !== tree.root && (state & hasContent) === 0)) extra.push(node);
      if (data === 0) continue;
      const reader = new ByteLogReader(attributes, data);
      act(reader.number(), reader.number(), node + directoryBit);
    }
  }
  const isWritten = (node: number): boolean => ((live[node] ?? 0) & selected) !== 0;
  return { actions, firstName, nextName, extra: extra.reverse(), isWritten };
}

const reachable = 1;
const selected = 2;
const hasContent = 4;

function liveNodes(merge: Merge, path: string): Uint8Array {
  const { tree } = merge;
  const only = nodeAt(merge, path);
  const live = new Uint8Array(tree.end);
  for (let node = 1; node < tree.end; node++) {
    const parent = tree.parentOf(node);
    if (node !== tree.root) {
      if (live[parent] === 0 || !tree.isDirectory(parent) || tree.kindOf(node) === nodeKinds.gone) continue;
      live[parent] = (live[parent] as number) | hasContent;
    }
    live[node] = reachable | (node === only ? selected : (live[parent] as number) & selected);
  }
  return live;
}

function nodeAt(merge: Merge, path: string): number {
  const node = merge.find(encodeText(cleanName(path)));
  if (node !== 0) return node;
  throw new OciError('NOT_FOUND', `The image has no file or directory ${quoted(path)}`);
}
