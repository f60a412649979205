import { isOciError, OciError, quoted } from '../../errors.ts';
import { dockerHub } from '../../oci/reference.ts';
import { cloudOf } from '../../remote/auth/cloud-hosts.ts';
import type { Location } from '../location.ts';

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

/** Whether a registry is known to delete neither tags nor manifests by its own protocol. demand-and-quirks reference, C1. */
export function deletesNothing(location: Location): boolean {
  if (location.kind !== 'registry') return false;
  const { registry } = location.reference;
  const cloud = cloudOf(registry);
  return registry === dockerHub || (cloud !== undefined && cloud !== 'acr' && cloud !== 'google');
}
