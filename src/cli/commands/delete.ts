import { OciError, quoted } from '../../errors.ts';
import { deleteImages } from '../deleting/delete-images.ts';
import { images } from '../completing/completions.ts';
import { atLeast } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, type FlagValues } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { type Location, parseLocation } from '../location.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

const flags = {
  'dry-run': bool({ description: 'Print what would be deleted, and what else would be lost, and change nothing' }),
  'tag-only': bool({
    description:
      'Delete the tag and never its manifest, also where a registry deletes no tags: there a small image takes the tag first, and is deleted with it',
  }),
  'by-digest': bool({ description: 'Delete the manifest that a tag names; refused while other tags name it, too' }),
  'all-tags': bool({
    description:
      'With --by-digest or a digest: delete all tags of the manifest, too; registries of Google want them deleted first',
  }),
  'ignore-missing': bool({ description: 'Do not fail when there is no such tag, manifest or repository' }),
  'keep-going': bool({ description: 'Delete the others when one fails, and fail at the end' }),
  json: bool({ description: 'Print a JSON array of what was deleted, and what was lost with it' }),
};

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMAGE...',
  description:
    'Delete a tag, or, when IMAGE has a digest, the manifest with all of its tags. What else is lost is told on standard error: tags of the manifest, indexes that list it, what is attached to it. Many registries support only one of the two, or neither. Blobs stay until the registry collects garbage. Entries of a layout are deleted in the same way.',
  examples:
    'crane delete registry.example.com/app:v1\ncrane delete --dry-run --by-digest --all-tags registry.example.com/app:v1\ncrane delete --tag-only registry.example.com/app:v1 registry.example.com/app:v2\ncrane delete oci:layout:v1',
  arguments: atLeast(1),
  complete: images,
  flags,
  async run({ args, flags: given, context: session }) {
    const locations: Location[] = [];
    for (const image of args) {
      locations.push(await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image)));
    }
    checkFlags(given, locations);
    for (const location of locations) checkEntry(location);
    await deleteImages(session, locations, {
      tagOnly: given['tag-only'],
      byDigest: given['by-digest'],
      allTags: given['all-tags'],
      dryRun: given['dry-run'],
      ignoreMissing: given['ignore-missing'],
      keepGoing: given['keep-going'],
      json: given.json,
    });
  },
});

/** Nothing of a layout is called `latest` by saying nothing, and none is deleted as a whole. */
function checkEntry(location: Location): void {
  if (location.kind !== 'oci' || location.tag !== undefined || location.digest !== undefined) return;
  throw new OciError('INVALID_REFERENCE', `${quoted(location.text)} names a layout, where one image of it is meant`, {
    hint: `Write ${location.text}:TAG or ${location.text}@DIGEST`,
  });
}

function checkFlags(given: FlagValues<typeof flags>, locations: readonly Location[]): void {
  const partsOf = (location: Location): { readonly tag?: string | undefined; readonly digest?: string | undefined } =>
    location.kind === 'registry' ? location.reference : location;
  if (given['tag-only']) {
    const wrong = given['by-digest'] ? 'by-digest' : given['all-tags'] ? 'all-tags' : undefined;
    if (wrong !== undefined) throw new UsageError(`--tag-only and --${wrong} exclude each other`);
    const untagged = locations.find((one) => partsOf(one).digest !== undefined && partsOf(one).tag === undefined);
    if (untagged !== undefined) {
      throw new UsageError(`--tag-only needs a tag, and ${JSON.stringify(untagged.text)} has a digest only`);
    }
  }
  if (!given['all-tags'] || given['by-digest']) return;
  const tagged = locations.find((one) => partsOf(one).digest === undefined);
  if (tagged === undefined) return;
  throw new UsageError(`--all-tags goes with --by-digest or a digest, and ${JSON.stringify(tagged.text)} has none`);
}
