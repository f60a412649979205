import { OciError, quoted } from '../errors.ts';

/** Hash functions a digest may name. OCI image-spec, descriptor.md "Registered algorithms". */
export type DigestAlgorithm = 'sha256' | 'sha512';

/** A checked content digest, `algorithm:hex`. Only {@link parseDigest} and {@link isDigest} make one from text. */
export type Digest = `${DigestAlgorithm}:${string}` & { readonly __digest: true };

const hexLengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
const pattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/**
 * Reads a digest.
 *
 * @throws {OciError} `INVALID_DIGEST`, saying whether algorithm, length or characters are wrong
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new OciError('INVALID_DIGEST', `Invalid digest ${quoted(text)}: ${reasonOf(text)}`, {
    hint: 'A digest is sha256: and 64 lower-case hex characters, or sha512: and 128',
  });
}

/** Whether the text is a digest of a supported algorithm. */
export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** The part before the colon. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256') ? 'sha256' : 'sha512';
}

/** The part after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

function reasonOf(text: string): string {
  const colon = text.indexOf(':');
  if (colon < 0) return 'there is no algorithm before a colon';
  const algorithm = text.slice(0, colon);
  const expected = (hexLengths as Readonly<Record<string, number | undefined>>)[algorithm];
  if (expected === undefined || !Object.hasOwn(hexLengths, algorithm))
    return `unsupported algorithm ${quoted(algorithm)}`;
  const actual = text.length - colon - 1;
  if (actual !== expected) return `${expected} hex characters expected, ${actual} found`;
  return 'only the characters 0-9 and a-f may stand after the colon';
}
