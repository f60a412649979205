import { familyOf } from '../../oci/media-type-family.ts';
import { isNonDistributableType } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type {
  ArtifactDetails,
  BaseSummary,
  HealthcheckSummary,
  HistoryStepSummary,
  ImageDetails,
  LayerSummary,
} from '../../ops/inspect/summary.ts';
import { sizeText } from '../progress/words.ts';
import { fields, section, table, type TextLimits } from './lines.ts';

/** What an image is made of, for people. */
export function imageLines(image: ImageDetails, limits: TextLimits): readonly string[] {
  const { config, platform, layers, history, imageSize } = image;
  return [
    ...fields(
      [
        ['Platform', platform === undefined ? undefined : formatPlatform(platform) || undefined],
        ['Created', image.created],
        ['Author', image.author],
        ['Size', sizeOf(imageSize, layers)],
        ['Base', baseText(image.base)],
        ['User', config.user],
        ['Directory', config.workingDir],
        ['Entrypoint', listText(config.entrypoint)],
        ['Cmd', listText(config.cmd)],
        ['Shell', listText(config.shell)],
        ['Ports', config.exposedPorts.join(', ') || undefined],
        ['Volumes', config.volumes.join(', ') || undefined],
        ['Stop signal', config.stopSignal],
        ['Healthcheck', config.healthcheck === undefined ? undefined : healthcheckText(config.healthcheck)],
      ],
      limits,
    ),
    ...section('Environment', config.env, limits),
    ...section('On build', config.onBuild, limits),
    ...section('Labels', pairs(image.labels), limits),
    ...section('Annotations', pairs(image.annotations), limits),
    ...section('Layers', layerRows(layers, image.mediaType), limits),
    ...section(historyHeading(image), historyRows(history, layers), limits),
  ];
}

/** What an artifact is made of, for people. */
export function artifactLines(artifact: ArtifactDetails, limits: TextLimits): readonly string[] {
  const { configMediaType, configDigest, configSize, layers } = artifact;
  return [
    ...fields(
      [
        ['Created', artifact.created],
        ['Size', sizeOf(artifact.imageSize, layers, 'blob')],
      ],
      limits,
    ),
    ...section('Annotations', pairs(artifact.annotations), limits),
    ...section('Config', table([[sizeText(configSize), configDigest, configMediaType]]), limits),
    ...section('Blobs', blobRows(layers), limits),
  ];
}

/** `key=value` of annotations and labels. */
export function pairs(map: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(map).map(([key, value]) => `${key}=${value}`);
}

function sizeOf(size: number | undefined, layers: readonly LayerSummary[], what = 'layer'): string {
  const total = size === undefined ? 'more than can be' : sizeText(size);
  const distinct = new Set(layers.map(({ digest }) => digest)).size;
  const repeated = distinct === layers.length ? '' : `, ${distinct} of them different`;
  return `${total} in ${layers.length} ${what}${layers.length === 1 ? '' : 's'}${repeated}`;
}

function baseText(base: BaseSummary | undefined): string | undefined {
  if (base === undefined) return undefined;
  const { name = '', digest, from } = base;
  return `${name}${digest === undefined ? '' : `@${digest}`}${from === 'labels' ? ' (by its labels)' : ''}`;
}

function listText(list: readonly string[] | undefined): string | undefined {
  return list === undefined ? undefined : JSON.stringify(list);
}

function healthcheckText({ test, ...rest }: HealthcheckSummary): string {
  const [kind = '', ...command] = test;
  if (kind === 'NONE') return 'none';
  const flags = [
    ['interval', rest.interval, 's'],
    ['timeout', rest.timeout, 's'],
    ['start-period', rest.startPeriod, 's'],
    ['start-interval', rest.startInterval, 's'],
    ['retries', rest.retries, ''],
  ].flatMap(([name, value, unit]) => (value === undefined ? [] : [`--${name}=${value}${unit}`]));
  const run = kind === 'CMD-SHELL' ? command.join(' ') : JSON.stringify(kind === 'CMD' ? command : test);
  return [run, ...flags].join(' ');
}

/** Number, size, tar's size where that is another, digest, type. */
function layerRows(layers: readonly LayerSummary[], manifestType: string): readonly string[] {
  const isUnpackedKnown = layers.some(({ size, uncompressedSize = size }) => uncompressedSize !== size);
  const rows = layers.map((layer, i) => [
    String(i + 1),
    sizeText(layer.size),
    ...(isUnpackedKnown ? [unpackedText(layer)] : []),
    layer.digest,
    typeText(layer, manifestType),
  ]);
  return table(rows, [0, 1, ...(isUnpackedKnown ? [2] : [])]);
}

function unpackedText({ uncompressedSize }: LayerSummary): string {
  return uncompressedSize === undefined ? '' : `(${sizeText(uncompressedSize)})`;
}

/** `tar+gzip` where the rest goes without saying. */
function typeText({ mediaType, urls = [] }: LayerSummary, manifestType: string): string {
  const family = familyOf(mediaType);
  const place = urls.length === 0 ? [] : [`at ${urls.join(' ')}`];
  if (family === undefined) return [mediaType, ...place].join(', ');
  const short = mediaType.replace(/^.*\.(tar(?:[.+](?:gzip|zstd))?)$/, '$1').replace('.', '+');
  const other = family === familyOf(manifestType) ? [] : [`as of ${family === 'oci' ? 'OCI' : 'Docker'}`];
  const foreign = isNonDistributableType(mediaType) ? ['foreign'] : [];
  return [short, ...other, ...foreign, ...place].join(', ');
}

/** The name of a file goes before its type, which is known and may be cut. */
function blobRows(layers: readonly LayerSummary[]): readonly string[] {
  const rows = layers.map(({ size, digest, mediaType, annotations }) => [
    sizeText(size),
    digest,
    [annotations['org.opencontainers.image.title'] ?? '', mediaType].filter((part) => part !== '').join('  '),
  ]);
  return table(rows, [0]);
}

function historyHeading({ history, layers }: ImageDetails): string {
  const isMatched = layers.length === 0 || history.some(({ layer }) => layer !== undefined);
  return isMatched ? 'History' : 'History, which does not agree with the layers';
}

/** Layer, its size, the day, and what was done. */
function historyRows(history: readonly HistoryStepSummary[], layers: readonly LayerSummary[]): readonly string[] {
  const rows = history.map(({ layer, created = '', step, comment }) => [
    layer === undefined ? '' : String(layer + 1),
    layer === undefined ? '' : sizeText(layers[layer]?.size ?? 0),
    created.slice(0, 'YYYY-MM-DD'.length),
    step ?? (comment === undefined ? '(not recorded)' : `# ${comment}`),
  ]);
  return table(rows, [0, 1]);
}
