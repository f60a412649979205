import type { Descriptor } from '../../oci/descriptor.ts';
import { isImageConfigType, isLayerType } from '../../oci/media-type.ts';

/** What a blob is: `layer`, `config`, `blob`. */
export function kindOf({ mediaType }: Descriptor): string {
  if (isLayerType(mediaType)) return 'layer';
  return isImageConfigType(mediaType) || mediaType.includes('.config.') ? 'config' : 'blob';
}

/** `12.3 MB`: three digits or four, decimal units, as docker has them. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `8s`, `2m05s`, `3h07m`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${twoDigits(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${twoDigits(Math.floor((seconds % 3600) / 60))}m`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
