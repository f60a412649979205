import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { ImageSummary } from '../../ops/inspect/summary.ts';
import { jsonText } from '../json-text.ts';

/** A summary as one JSON object; platforms as `--platform` takes them. */
export function summaryJson(name: string, summary: ImageSummary): string {
  const { digest, mediaType, kind, ...rest } = summary;
  const object = { name, digest, mediaType, kind, ...rest, ...platforms(summary) };
  return `${jsonText(object, 2)}\n`;
}

function platforms(summary: ImageSummary): object {
  if (summary.kind === 'image') return { platform: textOf(summary.platform) };
  if (summary.kind === 'artifact') return {};
  const { manifests, image } = summary;
  return {
    manifests: manifests.map(withPlatform),
    image: image?.kind === 'image' ? withPlatform(image) : image,
  };
}

function withPlatform(one: { readonly platform?: Platform | undefined }): object {
  return { ...one, platform: textOf(one.platform) };
}

function textOf(platform: Platform | undefined): string | undefined {
  const text = platform === undefined ? '' : formatPlatform(platform);
  return text === '' ? undefined : text;
}
