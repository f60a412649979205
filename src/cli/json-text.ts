import { escaped } from './printable.ts';

/**
 * JSON for programs, that does nothing to a terminal either: JSON lets stand what {@link printable} shows as escapes. Members
 * that are `undefined` are left out.
 *
 * @param indent spaces per level. @default everything on one line
 */
export function jsonText(value: object, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  // Such characters can only be within strings.
  return text.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, escaped);
}
