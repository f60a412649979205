import { type ErrorCode, messageOf, OciError } from '../errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON document that came from outside.
 *
 * @param what names the document in the message: `Manifest sha256:…`
 * @throws {OciError} `code` when the bytes are not UTF-8 or not JSON
 */
export function parseJson(bytes: Uint8Array, what: string, code: ErrorCode = 'INVALID_MANIFEST'): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new OciError(code, `${what} is not UTF-8 text`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OciError(code, `${what} is not JSON: ${messageOf(cause)}`, { cause });
  }
}
