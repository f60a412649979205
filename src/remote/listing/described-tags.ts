import type { DescribedTag } from '../../store/described-tag.ts';
import type { ListedManifest, RepositoryPage } from './repository-page.ts';

/** The tags of a list page by page, with what it tells of the manifests that they name: nothing where only tags are listed. */
export async function* describedTags(
  listed: AsyncIterable<RepositoryPage>,
): AsyncGenerator<readonly DescribedTag[], void> {
  const manifests = new Map<string, ListedManifest>();
  for await (const page of listed) {
    for (const manifest of page.manifests) for (const tag of manifest.tags) manifests.set(tag, manifest);
    if (page.tags.length > 0) yield page.tags.map((tag) => describe(tag, manifests.get(tag)));
  }
}

function describe(tag: string, manifest: ListedManifest | undefined): DescribedTag {
  if (manifest === undefined) return { tag };
  const { digest, mediaType, imageSize, created, uploaded } = manifest;
  return {
    tag,
    digest,
    mediaType: mediaType === '' ? undefined : mediaType,
    imageSize,
    created: timeOf(created),
    uploaded: timeOf(uploaded),
  };
}

/** Google writes 0, or the year 1, for what does not say when it was made, as no index does. */
function timeOf(milliseconds: number | undefined): number | undefined {
  return milliseconds !== undefined && milliseconds > 0 && milliseconds <= maxTime ? milliseconds : undefined;
}

/** The end of the year 9999, where RFC 3339 ends. */
const maxTime = 253_402_300_799_999;
