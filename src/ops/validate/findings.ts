import type { ErrorCode, OciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';

/** Something that is wrong with an artifact. */
export interface Problem {
  /** Where, from the root down: `manifests[1] layers[0]`; empty for the root itself. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** The content in question. */
  readonly digest?: Digest | undefined;
}

/** A problem, or what only deserves to be told, at a place that is known later. */
export interface Finding extends Omit<Problem, 'path'> {
  /** @default false */
  readonly isWarning?: boolean | undefined;
}

/** What was found at content, however many places name it. */
export interface Node {
  readonly findings: Finding[];
  readonly edges: Edge[];
}

/** One place that names content, and what is wrong with what it says of it. */
export interface Edge {
  /** `layers[0]`. */
  readonly step: string;
  readonly node: Node;
  readonly findings: Finding[];
}

export function newNode(): Node {
  return { findings: [], edges: [] };
}

export function findingOf({ code, message }: OciError, digest: Digest): Finding {
  return { code, message, digest };
}

/** All findings in document order, whatever order they were made in. Those at content come once, where it is first named. */
export function* findingsIn(root: Node): Generator<{ readonly path: string; readonly finding: Finding }, void> {
  yield* visit(root, '', new Set());
}

function* visit(
  node: Node,
  path: string,
  seen: Set<Node>,
): Generator<{ readonly path: string; readonly finding: Finding }, void> {
  if (seen.has(node)) return;
  seen.add(node);
  for (const finding of node.findings) yield { path, finding };
  for (const edge of node.edges) {
    const below = path === '' ? edge.step : `${path} ${edge.step}`;
    for (const finding of edge.findings) yield { path: below, finding };
    yield* visit(edge.node, below, seen);
  }
}
