import { digestOf } from '../../content/hash.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { algorithmOf } from '../../oci/digest.ts';
import type { Finding } from './findings.ts';

/** What is wrong with the content that a descriptor holds itself. OCI image-spec, descriptor.md "Embedded content". */
export function checkEmbedded({ data, digest, size }: Descriptor): readonly Finding[] {
  if (data === undefined || data === '') return [];
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== data.replace(/=+$/, '')) {
    return [{ code: 'INVALID_MANIFEST', message: 'the data of its descriptor is no base64', digest }];
  }
  if (bytes.byteLength !== size) {
    const message = `the data of its descriptor has ${bytes.byteLength} bytes, but the descriptor says ${size}`;
    return [{ code: 'SIZE_MISMATCH', message, digest }];
  }
  const actual = digestOf(bytes, algorithmOf(digest));
  if (actual === digest) return [];
  return [{ code: 'DIGEST_MISMATCH', message: `the data of its descriptor has the digest ${actual}`, digest }];
}
