import { OciError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';

/** Real layers shrink to a third; gzip cannot do more than 1032 to one. */
const bytesPerByte = 200;
const alwaysBytes = 16 * 1024 ** 3;

/** What is noted of them takes about 100 bytes each, most of it in a temporary file: below 2 GB. */
const defaultEntries = 16 * 1024 * 1024;

/** What a few KiB may blow up to, over all layers of an image. */
export class Limits {
  readonly maxEntries: number;
  readonly maxBytes: number;
  #entries = 0;
  #bytes = 0;

  constructor(layers: readonly Descriptor[], maxEntries: number | undefined, maxBytes: number | undefined) {
    this.maxEntries = maxEntries ?? defaultEntries;
    const stored = layers.reduce((sum, { size }) => sum + size, 0);
    this.maxBytes = maxBytes ?? Math.max(alwaysBytes, bytesPerByte * stored);
  }

  /** @throws {OciError} `LIMIT_EXCEEDED` */
  countEntry(): void {
    if (++this.#entries <= this.maxEntries) return;
    throw new OciError('LIMIT_EXCEEDED', `The layers have more than ${this.maxEntries} entries`, {
      hint: 'Raise maxEntries when the image is to be trusted',
    });
  }

  /** @throws {OciError} `LIMIT_EXCEEDED` */
  countBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes <= this.maxBytes) return;
    throw new OciError('LIMIT_EXCEEDED', `The layers are larger than ${this.maxBytes} bytes when decompressed`, {
      hint: 'Raise maxBytes when the image is to be trusted',
    });
  }
}
