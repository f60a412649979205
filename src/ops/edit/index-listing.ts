import { type DescriptorDocument, indexDocument } from '../../oci/document/manifest-document.ts';
import { editedMap } from './collections.ts';
import type { EntryEdit } from './index-entry.ts';

/** An entry for an index. */
export interface AddedEntry {
  readonly entry: DescriptorDocument;
  /** The same without what was asked for. @default `entry` */
  readonly plain?: DescriptorDocument | undefined;
  /** Made for an image, and not taken over from another index with all that it says there. */
  readonly isImage: boolean;
  /** What was asked for; `entry` has it already. */
  readonly edit?: EntryEdit | undefined;
}

/** A list of entries with more of them, none twice. */
export function withAdded(
  before: readonly DescriptorDocument[],
  added: readonly AddedEntry[],
): readonly DescriptorDocument[] {
  const entries = [...before];
  for (const one of added) {
    const place = one.isImage ? placeOfImage(entries, one) : placeOfEntry(entries, one);
    const old = place === undefined ? undefined : entries[place];
    if (place === undefined || old === undefined) entries.push(one.entry);
    else entries[place] = edited(old, one);
  }
  return entries;
}

/** Where an image is listed: for its platform, for none, or, when the platform is to be corrected, for any. */
function placeOfImage(entries: readonly DescriptorDocument[], { entry, edit }: AddedEntry): number | undefined {
  const places = Array.from(entries.keys()).filter((place) => entries[place]?.digest === entry.digest);
  const platform = platformText(entry);
  const same = places.find((place) => platformText(entries[place]) === platform);
  const unstated = places.find((place) => entries[place]?.platform === undefined);
  return same ?? unstated ?? (edit?.platform === undefined ? undefined : places[0]);
}

/** Where the same entry is, be it without the artifact type that crane adds on the way. */
function placeOfEntry(
  entries: readonly DescriptorDocument[],
  { entry, plain = entry }: AddedEntry,
): number | undefined {
  const forms = [entry, plain].flatMap((form) => [form, { ...form, artifactType: undefined }]);
  const texts = new Set(forms.map(textOf));
  const place = entries.findIndex((other) => other.digest === entry.digest && texts.has(textOf(other)));
  return place < 0 ? undefined : place;
}

function edited(old: DescriptorDocument, { entry, edit = {} }: AddedEntry): DescriptorDocument {
  const { platform, annotations } = edit;
  const isPlatformNew = platform !== undefined || old.platform === undefined;
  return {
    ...old,
    ...(isPlatformNew ? { platform: entry.platform } : {}),
    ...(annotations === undefined ? {} : { annotations: editedMap(old.annotations, { set: annotations }) }),
  };
}

function platformText(entry: DescriptorDocument | undefined): string {
  return entry?.platform === undefined ? '' : textOf({ platform: entry.platform });
}

function textOf(entry: DescriptorDocument): string {
  return new TextDecoder().decode(indexDocument.encode({ manifests: [entry] }));
}
