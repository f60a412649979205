import { formatPlatform } from '../../oci/platform.ts';
import type {
  ImageSummary,
  IndexDetails,
  IndexEntrySummary,
  ReferrerSummary,
  TagsSummary,
} from '../../ops/inspect/summary.ts';
import { sizeText } from '../progress/words.ts';
import { artifactLines, imageLines, pairs } from './image-text.ts';
import { clipped, fields, section, table, type TextLimits } from './lines.ts';

/** A summary for people: the same text for the same content, on every terminal. */
export function summaryText(name: string, summary: ImageSummary, limits: TextLimits): string {
  const { digest, mediaType, kind, artifactType, subject, chosenFrom, referrers = [], tags } = summary;
  const lines = [
    ...fields(
      [
        ['Name', name],
        ['Digest', digest],
        ['Index', chosenFrom?.digest],
        ['Kind', artifactType === undefined ? kind : `${kind}, ${artifactType}`],
        ['Media type', mediaType],
        ['Refers to', subject?.digest],
      ],
      limits,
    ),
    ...bodyLines(summary, limits),
    ...section(referrersHeading(referrers), referrerRows(referrers, digest), limits),
    ...(tags === undefined ? [] : tagLines(tags, digest, limits)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function bodyLines(summary: ImageSummary, limits: TextLimits): readonly string[] {
  if (summary.kind === 'image') return imageLines(summary, limits);
  return summary.kind === 'artifact' ? artifactLines(summary, limits) : indexLines(summary, limits);
}

function indexLines(index: IndexDetails, limits: TextLimits): readonly string[] {
  const { image } = index;
  // The size of one image alone says nothing beside the others; it stands with that image.
  const isMeasured =
    index.imageSize !== undefined ||
    index.manifests.some(({ imageSize, digest }) => imageSize !== undefined && digest !== image?.digest);
  const manifests = isMeasured ? index.manifests : index.manifests.map(withoutSize);
  const of = (...kinds: readonly IndexEntrySummary['kind'][]): readonly IndexEntrySummary[] =>
    manifests.filter(({ kind }) => kinds.includes(kind));
  const attested = new Map(of('image').map(({ digest, platform }) => [digest, platform]));
  const withPlatform = (entry: IndexEntrySummary): IndexEntrySummary => ({
    ...entry,
    platform: entry.describes === undefined ? undefined : attested.get(entry.describes),
  });
  return [
    ...fields(
      [
        ['Created', index.created],
        ['Size', index.imageSize === undefined ? undefined : `${sizeText(index.imageSize)} with all that it lists`],
      ],
      limits,
    ),
    ...section('Annotations', pairs(index.annotations), limits),
    ...section('Platforms', entryRows(of('image')), limits),
    ...section('Attestations', entryRows(of('attestation').map(withPlatform)), limits),
    ...section('Other entries', entryRows(of('index', 'artifact', 'other')), limits),
    ...(image === undefined ? [] : usualImageLines(index, image, limits)),
  ];
}

function withoutSize(entry: IndexEntrySummary): IndexEntrySummary {
  const { imageSize: _, ...rest } = entry;
  return rest;
}

/** What commands take that need one image. */
function usualImageLines(
  { manifests }: IndexDetails,
  image: NonNullable<IndexDetails['image']>,
  limits: TextLimits,
): readonly string[] {
  const entry = manifests.find(({ digest }) => digest === image.digest);
  const platform = entry?.platform === undefined ? 'linux/amd64' : formatPlatform(entry.platform);
  return [
    '',
    clipped(`Image for ${platform} (another with --platform):`, limits.width),
    ...fields(
      [
        ['Digest', image.digest],
        ['Media type', image.mediaType],
      ],
      limits,
    ),
    ...(image.kind === 'image' ? imageLines(image, limits) : artifactLines(image, limits)),
  ];
}

/** Platform or what it is, digest, and the size of all that it needs. */
function entryRows(entries: readonly IndexEntrySummary[]): readonly string[] {
  return table(
    entries.map(({ kind, platform, digest, imageSize, missing, artifactType, mediaType }) => [
      (platform === undefined ? '' : formatPlatform(platform)) || wordsFor(kind),
      digest,
      missing === true ? 'missing' : imageSize === undefined ? '' : sizeText(imageSize),
      kind === 'other' ? mediaType : noteworthyType(kind, artifactType),
    ]),
    [2],
  );
}

/** crane gives the entries of images the type of their config, which says nothing. */
function noteworthyType(kind: IndexEntrySummary['kind'], artifactType = ''): string {
  return kind === 'image' ? '' : artifactType;
}

function wordsFor(kind: IndexEntrySummary['kind']): string {
  return kind === 'image' ? '(no platform)' : kind;
}

function referrersHeading(referrers: readonly ReferrerSummary[]): string {
  return `Referrers, ${referrers.length}`;
}

function referrerRows(referrers: readonly ReferrerSummary[], root: string): readonly string[] {
  return table(
    referrers.map(({ digest, artifactType, mediaType, tag, subject }) => [
      digest,
      [artifactType ?? tag ?? mediaType, ...(subject === root ? [] : ['(of the image)'])].join('  '),
    ]),
  );
}

function tagLines({ same, total, complete }: TagsSummary, root: string, limits: TextLimits): readonly string[] {
  if (!complete && same.length === 0) return fields([['Tags', `not known, there are ${total}`]], limits);
  const rows = same.map(({ tag, digest }) => (digest === root ? [tag] : [tag, '(the image)']));
  const heading = `Tags, ${same.length} of ${total}${complete ? '' : ' at least'}`;
  return same.length === 0 ? fields([['Tags', `none of ${total}`]], limits) : section(heading, table(rows), limits);
}
