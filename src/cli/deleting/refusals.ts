import { isOciError, OciError, quoted } from '../../errors.ts';
import { dockerHub } from '../../oci/reference.ts';
import type { DeletionPlan } from '../../ops/deletion/plan-deletion.ts';
import { cloudOf } from '../../remote/auth/cloud-hosts.ts';
import type { Location } from '../location.ts';
import { some } from './deletion.ts';

/** What is said where nothing can be deleted. */
export function undeletable({ kind, text }: Location): OciError {
  if (kind === 'docker-daemon') {
    return new OciError(
      'UNSUPPORTED',
      `Nothing can be deleted from ${quoted(text)}: engines delete images themselves`,
      {
        hint: 'docker rmi, or podman rmi, deletes an image of an engine',
      },
    );
  }
  return new OciError(
    'UNSUPPORTED',
    `Nothing can be deleted from ${quoted(text)}: an archive is not changed in place`,
    {
      hint: 'Write a new archive with what should stay, for example with crane copy',
    },
  );
}

/** The failure to delete a tag by its name, with what else can be done. demand-and-quirks reference, Q-70. */
export function notDeleted(error: unknown, location: Location): unknown {
  if (location.kind !== 'registry' || !isOciError(error, 'UNSUPPORTED')) return error;
  // Its keeper has another way, which the error has already.
  if (deletesNothing(location)) return error;
  return new OciError('UNSUPPORTED', error.message, {
    cause: error,
    hint: 'This registry may delete by digest only: --tag-only takes the tag alone away, in another way; --by-digest deletes the manifest, and with it all of its tags, which --by-digest --all-tags --dry-run lists',
  });
}

/** The failure to delete a manifest whose tags have to go first, with what can be done. */
export function tagsFirst(error: unknown, plan: DeletionPlan | undefined, allTags: boolean): unknown {
  if (!isOciError(error, 'CONFLICT')) return error;
  const [index] = plan?.indexes ?? [];
  const known = plan === undefined || plan.tags.length === 0 ? '' : `: ${some(plan.tags)}`;
  return new OciError('CONFLICT', error.message, {
    cause: error,
    hint:
      index === undefined
        ? allTags
          ? error.hint
          : `Add --all-tags to have its tags deleted first${known}`
        : `Delete the index ${index.digest} first, which lists it`,
  });
}

/**
 * Checks that nothing but what was named is deleted by digest.
 *
 * @param name the repository or layout
 * @param tag by which the manifest was named
 * @throws {OciError} `CONFLICT` when other tags would go, or may go
 */
export function checkOtherTags(name: string, plan: DeletionPlan, tag: string | undefined): void {
  const others = plan.tags.filter((one) => one !== tag);
  const what = `${name}@${plan.target.digest}`;
  if (others.length > 0) {
    throw new OciError('CONFLICT', `Other tags name ${what}, too, and would be deleted with it: ${some(others)}`, {
      hint: 'Add --all-tags to delete them all, or delete one tag alone with --tag-only',
    });
  }
  if (plan.tagsUnknown === undefined) return;
  throw new OciError(
    'CONFLICT',
    `Whether other tags name ${what}, which would be deleted with it, cannot be found out: ${plan.tagsUnknown.message}`,
    { cause: plan.tagsUnknown, hint: 'Add --all-tags to delete it with whatever tags it has' },
  );
}

/** Whether a registry is known to delete neither tags nor manifests by its own protocol. demand-and-quirks reference, C1. */
export function deletesNothing(location: Location): boolean {
  if (location.kind !== 'registry') return false;
  const { registry } = location.reference;
  const cloud = cloudOf(registry);
  return registry === dockerHub || (cloud !== undefined && cloud !== 'acr' && cloud !== 'google');
}
