import { recordsOfFields, type TarFields } from '../../content/tar/encode-header.ts';
import type { TarHeader } from '../../content/tar/entry.ts';
import { decodeText, encodeText } from '../../content/tar/text.ts';
import { ByteLog, ByteLogReader } from './byte-log.ts';
import type { PagedMemory } from './paged-memory.ts';

/**
 * What directories' headers say, in about 15 bytes each. Only those are kept: they are written before what lies in them, which
 * may be in a lower layer.
 */
export class DirectoryAttributes {
  readonly #log: ByteLog;
  readonly #texts: Texts;

  constructor(memory: PagedMemory) {
    this.#log = new ByteLog(memory);
    this.#texts = new Texts(memory);
    // Place 0 is none.
    this.#log.number(0);
  }

  /** @returns the place to read them from @throws {OciError} `LIMIT_EXCEEDED` */
  add(header: TarHeader): number {
    const place = this.#log.length;
    this.#log.signed(header.mode);
    this.#log.signed(header.uid);
    this.#log.signed(header.gid);
    this.#log.signed(header.mtime.seconds);
    this.#log.number(header.mtime.nanoseconds);
    this.#log.number(this.#texts.placeOf(header.uname));
    this.#log.number(this.#texts.placeOf(header.gname));
    this.#log.number(header.pax.size === 0 ? 0 : this.#texts.placeOf(JSON.stringify(furtherRecords(header))));
    return place;
  }

  read(place: number): Omit<TarFields, 'name'> {
    const reader = new ByteLogReader(this.#log, place);
    const mode = reader.signed();
    const uid = reader.signed();
    const gid = reader.signed();
    const mtime = { seconds: reader.signed(), nanoseconds: reader.number() };
    const uname = this.#texts.textAt(reader.number());
    const gname = this.#texts.textAt(reader.number());
    const records = this.#texts.textAt(reader.number());
    const pax = records === '' ? undefined : new Map(JSON.parse(records) as readonly (readonly [string, string])[]);
    return { type: 'directory', mode, uid, gid, uname, gname, mtime, pax };
  }
}

/** Of the texts that are known to be there, in characters: records may have a million, and each directory its own. */
const maxKnown = 2 * 1024 * 1024;

/** What one more text takes beside its characters, in about as many. */
const perText = 64;

/** Texts that come again and again, and are kept once. */
export class Texts {
  readonly #log: ByteLog;
  readonly #places = new Map<string, number>();
  #known = 0;

  constructor(memory: PagedMemory) {
    this.#log = new ByteLog(memory);
    this.#log.number(0);
  }

  /** 0 for the empty text. @throws {OciError} `LIMIT_EXCEEDED` */
  placeOf(text: string): number {
    if (text === '') return 0;
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.#log.length;
    this.#log.text(encodeText(text));
    this.#remember(text, place);
    return place;
  }

  textAt(place: number): string {
    return place === 0 ? '' : decodeText(new ByteLogReader(this.#log, place).text());
  }

  #remember(text: string, place: number): void {
    this.#known += perText + text.length;
    if (this.#known > maxKnown) {
      this.#places.clear();
      this.#known = perText + text.length;
    }
    this.#places.set(text, place);
  }
}

/** Records that the fields stand for would make every directory's records different. */
function furtherRecords({ pax }: TarHeader): readonly (readonly [string, string])[] {
  return Array.from(pax).filter(([key]) => !recordsOfFields.has(key));
}
