import { createHash, type Hash } from 'node:crypto';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, type DigestAlgorithm, parseDigest } from '../oci/digest.ts';

/** A running digest. */
export class Digester {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #size = 0;

  constructor(algorithm: DigestAlgorithm = 'sha256') {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  /** Bytes seen so far. */
  get size(): number {
    return this.#size;
  }

  update(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    this.#hash.update(chunk);
  }

  /** Ends the digest; may be called once. */
  finish(): Digest {
    return parseDigest(`${this.#algorithm}:${this.#hash.digest('hex')}`);
  }
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  const digester = new Digester(algorithm);
  digester.update(bytes);
  return digester.finish();
}

/** The descriptor of bytes in hand. */
export function describeBytes(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}
