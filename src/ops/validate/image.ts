import { quoted } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ImageConfig } from '../../oci/image-config.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import { isLayerType } from '../../oci/media-type.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import type { Finding } from './findings.ts';

/** What is wrong with a config by itself. */
export function checkConfig({ rootfs }: ImageConfig, digest: Digest): readonly Finding[] {
  if (rootfs.type === 'layers') return [];
  return [invalid(`its rootfs.type is ${quoted(rootfs.type)}, not "layers"`, digest)];
}

/**
 * The diff IDs of the layers, in their order. What is no layer of a file system has none, be it that the config counts it or
 * not: both are done.
 */
export function diffIdsOf({ layers }: ImageManifest, { rootfs }: ImageConfig): readonly (Digest | undefined)[] {
  const { diff_ids: diffIds } = rootfs;
  if (diffIds.length === layers.length) return layers.map((layer, i) => (isLayer(layer) ? diffIds[i] : undefined));
  let next = 0;
  return layers.map((layer) => (isLayer(layer) ? diffIds[next++] : undefined));
}

/** Where config and manifest disagree. */
export function checkCounts(image: ImageManifest, { rootfs, history }: ImageConfig): readonly Finding[] {
  const { digest } = image.config;
  const { length: listed } = rootfs.diff_ids;
  const counts = [image.layers.length, image.layers.filter(isLayer).length];
  const findings: Finding[] = [];
  if (!counts.includes(listed)) {
    findings.push(invalid(`it has ${listed} diff IDs for ${image.layers.length} layers`, digest));
  }
  const steps = history.filter((step) => !step.empty_layer).length;
  if (history.length > 0 && steps !== listed) {
    const message = `its history has ${steps} steps that made a layer, but it has ${listed} diff IDs`;
    findings.push({ ...invalid(message, digest), isWarning: true });
  }
  return findings;
}

/** Where an image is for another platform than its index says. */
export function checkPlatform(config: Platform, stated: Platform, digest: Digest): readonly Finding[] {
  const findings: Finding[] = [];
  const differs = (member: string, actual: string, wanted: string): void => {
    if (actual === wanted) return;
    const message = `its config's ${member} is ${quoted(actual)}, but the index says ${quoted(wanted)} (${formatPlatform(stated)})`;
    findings.push(invalid(message, digest));
  };
  differs('os', config.os, stated.os);
  differs('architecture', config.architecture, stated.architecture);
  if (variantOf(config) !== variantOf(stated)) differs('variant', config.variant ?? '', stated.variant ?? '');
  differs('os.version', config['os.version'] ?? '', stated['os.version'] ?? '');
  differs('os.features', sorted(config['os.features']), sorted(stated['os.features']));
  return findings;
}

/** arm64 without a variant is v8: containerd and Docker write it either way. */
function variantOf({ architecture, variant = '' }: Pick<Platform, 'architecture' | 'variant'>): string {
  return architecture === 'arm64' && variant === 'v8' ? '' : variant;
}

function sorted(features: readonly string[] = []): string {
  return features.toSorted().join(',');
}

function isLayer({ mediaType }: Descriptor): boolean {
  return isLayerType(mediaType);
}

function invalid(message: string, digest: Digest): Finding {
  return { code: 'INVALID_CONFIG', message, digest };
}
