import { type ErrorCode, isOciError, OciError } from '../../errors.ts';
import { parseJson } from '../json.ts';
import type { Codec } from './codec.ts';

/** A kind of document that can be edited without losing anything of it. */
export interface DocumentFormat<T> {
  /**
   * Reads a document; what nobody here knows is kept as text.
   *
   * @param what names the document in messages: `Config sha256:…`
   * @throws {OciError} `INVALID_CONFIG` for a config, else `INVALID_MANIFEST`: no JSON, wrong types, repeated members
   */
  parse(bytes: Uint8Array, what: string): T;
  /**
   * Writes a document as crane does: compact, in its order of members, what is empty left out. Members that crane does not
   * know, and would lose, follow the known ones of their object, byte for byte. crane-library reference, section 7.
   */
  encode(document: T): Uint8Array;
}

export function documentFormat<T>(codec: Codec<T>, code: ErrorCode): DocumentFormat<T> {
  return {
    parse(bytes, what) {
      parseJson(bytes, what, code);
      try {
        return codec.decode(new TextDecoder().decode(bytes).trim(), '');
      } catch (cause) {
        if (isOciError(cause)) throw new OciError(code, `${what}: ${cause.message}`, { cause, hint: cause.hint });
        throw cause;
      }
    },
    encode: (document) => new TextEncoder().encode(codec.encode(document)),
  };
}
