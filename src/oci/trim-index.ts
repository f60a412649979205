import type { Descriptor } from './descriptor.ts';
import { elementSpans, memberSpans } from './json-spans.ts';

/** What becomes of one entry of an index: it stays as it is, or names other content from now on; `data` where it embeds it. */
export type KeptEntry = 'same' | (Pick<Descriptor, 'digest' | 'size'> & { readonly data?: string | undefined });

/**
 * An index without some of its entries. Everything else keeps its bytes: fields nobody knows, annotations, the order of
 * members, white space.
 *
 * @param bytes an index that has been parsed
 * @param entryAt what stays at a position in `manifests`; `undefined` for an entry that goes
 */
export function trimIndex(bytes: Uint8Array, entryAt: (position: number) => KeptEntry | undefined): Uint8Array {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const list = memberSpans(text).get('manifests');
  if (list === undefined || text[list.start] !== '[') return bytes;
  const entries = elementSpans(text, list.start);
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return bytes;
  let kept = '';
  for (const [position, { start, end }] of entries.entries()) {
    const entry = entryAt(position);
    if (entry === undefined) continue;
    const before = entries[position - 1];
    const separator = kept === '' || before === undefined ? '' : text.slice(before.end, start);
    kept += separator + (entry === 'same' ? text.slice(start, end) : withContent(text.slice(start, end), entry));
  }
  return new TextEncoder().encode(text.slice(0, first.start) + kept + text.slice(last.end));
}

function withContent(descriptor: string, { digest, size, data }: Exclude<KeptEntry, 'same'>): string {
  const values = { digest: JSON.stringify(digest), size: String(size), data: JSON.stringify(data) };
  const changes = Array.from(memberSpans(descriptor), ([key, span]) =>
    Object.hasOwn(values, key) ? { ...span, value: values[key as keyof typeof values] } : undefined,
  ).filter((change) => change !== undefined);
  // From the end, so that the places of those before stay right.
  return changes
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, { start, end, value }) => text.slice(0, start) + value + text.slice(end), descriptor);
}
