/**
 * Text of a tar header without loss: UTF-8 where the bytes are, else every byte that is no part of valid UTF-8 becomes one
 * lone surrogate U+DC80 to U+DCFF. Two names that differ in bytes so never become one name.
 */
export function decodeText(bytes: Uint8Array): string {
  // Most fields are empty, and there are millions of them.
  if (bytes.byteLength === 0) return '';
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = view.toString('utf8');
  return text.includes('\ufffd') ? decodeEscaped(view) : text;
}

/** The bytes of a text that {@link decodeText} gave, or of any other text. */
export function encodeText(text: string): Uint8Array {
  if (!escaped.test(text)) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Uint8Array.of(code - 0xdc00) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

// A low surrogate after a high one is half of an ordinary character; with the u flag only lone ones match.
const escaped = /[\udc80-\udcff]/u;

function decodeEscaped(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text += length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** Length of the valid UTF-8 sequence at a place, 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const sequence = bytes.subarray(at, at + length);
  return Buffer.from(sequence.toString('utf8'), 'utf8').equals(sequence) ? length : 0;
}
