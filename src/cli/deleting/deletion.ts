import type { Digest } from '../../oci/digest.ts';
import type { JsonValue } from '../../oci/json.ts';
import type { DeletionPlan } from '../../ops/deletion/plan-deletion.ts';
import type { TagDeletion } from '../../ops/deletion/delete-tag-only.ts';

/** What became of one argument, or would. */
export interface Deletion {
  /** As typed. */
  readonly image: string;
  /** The repository or layout, in full. */
  readonly name: string;
  readonly status: 'deleted' | 'planned' | 'missing' | 'failed';
  /** A tag that goes alone. */
  readonly tag?: string | undefined;
  readonly via?: TagDeletion | undefined;
  /** What the tag names, or what is deleted, as far as it is known. */
  readonly digest?: Digest | undefined;
  /** Whether the manifest goes. */
  readonly isManifest?: boolean | undefined;
  /** What goes with the manifest, where that was looked for. */
  readonly plan?: DeletionPlan | undefined;
  readonly error?: string | undefined;
}

/** For people, a line for each thing: what goes, what stays, what is of no use or incomplete then. */
export function linesOf({ image, name, status, tag, digest, plan, isManifest = false }: Deletion): readonly string[] {
  if (status === 'missing') return [line('missing', image)];
  const manifest = digest === undefined ? [] : [line(isManifest ? 'delete' : 'keep', `${name}@${digest}`)];
  const tags = plan?.tags ?? (tag === undefined ? [] : [tag]);
  return [
    ...(isManifest ? manifest : []),
    ...tags.map((one) => line('delete', `${name}:${one}`)),
    ...(isManifest ? [] : manifest),
    ...(plan?.indexes ?? []).flatMap((index) =>
      index.tags.length === 0
        ? [line('break', `${name}@${index.digest} (the index lists it)`)]
        : index.tags.map((one) => line('break', `${name}:${one} (the index ${index.digest} lists it)`)),
    ),
    ...(plan?.referrers ?? []).map((one) => line('orphan', `${name}@${one.digest}${kindOf(one.artifactType)}`)),
    ...(plan?.digestTags ?? []).map((one) => line('orphan', `${name}:${one}`)),
  ];
}

/** What is not known is left out. */
export function jsonOf({ image, name, status, tag, via, digest, isManifest, plan, error }: Deletion): JsonValue {
  const tags = plan === undefined ? tag && [tag] : plan.tagsUnknown === undefined ? plan.tags : undefined;
  const knowsIndexes = plan !== undefined && plan.indexesUnknown === undefined;
  const knowsReferrers = plan !== undefined && plan.referrersUnknown === undefined;
  return {
    image,
    repository: name,
    status,
    deletes: isManifest === undefined ? undefined : isManifest ? 'manifest' : 'tag',
    via,
    digest,
    mediaType: plan?.target.mediaType,
    tags: tags === '' ? undefined : tags,
    indexes: knowsIndexes ? plan.indexes.map((index) => ({ digest: index.digest, tags: index.tags })) : undefined,
    referrers: knowsReferrers
      ? plan.referrers.map(({ digest: referrer, mediaType, artifactType }) => ({
          digest: referrer,
          mediaType,
          artifactType,
        }))
      : undefined,
    digestTags: plan === undefined || plan.tagsUnknown !== undefined ? undefined : plan.digestTags,
    error,
  };
}

/** What else was lost, for whoever deletes by digest: sentences, without what goes by its name. */
export function lossesOf({ name, plan }: Deletion): {
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
} {
  if (plan === undefined) return { notes: [], warnings: [] };
  const { tags, indexes, referrers, digestTags, target } = plan;
  const attached = [...referrers.map((one) => `${one.digest}${kindOf(one.artifactType)}`), ...digestTags];
  const unknown = new Map<string, string>();
  const gaps = { tags: plan.tagsUnknown, indexes: plan.indexesUnknown, referrers: plan.referrersUnknown };
  for (const [what, error] of Object.entries(gaps)) {
    if (error === undefined) continue;
    const known = unknown.get(error.message);
    unknown.set(error.message, known === undefined ? what : `${known} and ${what}`);
  }
  return {
    notes: [
      ...(tags.length === 0 ? [] : [`Deleted with ${name}@${target.digest} were its tags: ${some(tags)}`]),
      ...(attached.length === 0 ? [] : [`What was attached to it stays, and is of no use any more: ${some(attached)}`]),
      ...Array.from(unknown, ([why, what]) => `Which ${what} it had was not found out: ${why}`),
    ],
    warnings: indexes.map(
      (index) =>
        `${name}${index.tags[0] === undefined ? `@${index.digest}` : `:${index.tags[0]}`} is incomplete now: it lists ${target.digest}, which was deleted`,
    ),
  };
}

/** The first of many. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}

function line(verb: string, what: string): string {
  return `${verb.padEnd(7)} ${what}`;
}

function kindOf(artifactType: string | undefined): string {
  return artifactType === undefined ? '' : ` (${artifactType})`;
}
