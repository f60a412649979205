import { recordsOfFields, type TarFields } from '../../content/tar/encode-header.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import { OciError } from '../../errors.ts';
import type { ByteLog, ByteLogReader } from './byte-log.ts';

/** Of all different texts together, in characters: records may have a million, and each directory its own. */
const maxCharacters = 64 * 1024 * 1024;

/** What one more text takes beside its characters, in about as many. */
const perText = 64;

/** Texts that come again and again, as numbers. */
export class Texts {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  #characters = 0;

  /** @throws {OciError} `LIMIT_EXCEEDED` */
  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#characters += perText + text.length;
    if (this.#characters > maxCharacters) throw tooMuch();
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  textOf(number: number): string {
    return this.#texts[number] ?? '';
  }
}

/**
 * Keeps what a directory's header says in about 15 bytes. Only directories' headers are kept: they are written before what
 * lies in them, which may be in a lower layer.
 */
export function writeAttributes(log: ByteLog, header: TarHeader, texts: Texts): void {
  log.signed(header.mode);
  log.signed(header.uid);
  log.signed(header.gid);
  log.signed(header.mtime.seconds);
  log.number(header.mtime.nanoseconds);
  log.number(texts.numberOf(header.uname));
  log.number(texts.numberOf(header.gname));
  log.number(header.pax.size === 0 ? 0 : 1 + texts.numberOf(JSON.stringify(furtherRecords(header))));
}

export function readAttributes(reader: ByteLogReader, texts: Texts): Omit<TarFields, 'name'> {
  const mode = reader.signed();
  const uid = reader.signed();
  const gid = reader.signed();
  const mtime = { seconds: reader.signed(), nanoseconds: reader.number() };
  const uname = texts.textOf(reader.number());
  const gname = texts.textOf(reader.number());
  const records = reader.number();
  const pax =
    records === 0
      ? undefined
      : new Map(JSON.parse(texts.textOf(records - 1)) as readonly (readonly [string, string])[]);
  return { type: 'directory', mode, uid, gid, uname, gname, mtime, pax };
}

/** Records that the fields stand for would make every directory's records different. */
function furtherRecords({ pax }: TarHeader): readonly (readonly [string, string])[] {
  return Array.from(pax).filter(([key]) => !recordsOfFields.has(key));
}

function tooMuch(): OciError {
  const message = `Owners and extended attributes of the directories take more than ${maxCharacters} characters of memory`;
  return new OciError('LIMIT_EXCEEDED', message, {
    hint: 'No real image has so many different ones; find out who made it',
  });
}
