/** What a server wants to know before it answers. RFC 9110, section 11.6.1. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case; parameters without a value are left out. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Reads `WWW-Authenticate` headers. Several challenges may stand in one value, separated by the same commas as the
 * parameters; values may be unquoted even where the grammar wants quotes. Never fails: what cannot be read is left out.
 */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap((value) => new ChallengeReader(value).read());
}

/** Writes one challenge; every value is quoted. */
export function formatChallenge({ scheme, parameters }: Challenge): string {
  const name = scheme.charAt(0).toUpperCase() + scheme.slice(1);
  const list = Object.entries(parameters).map(([key, value]) => `${key}="${value.replaceAll(/["\\]/g, '\\$&')}"`);
  return list.length === 0 ? name : `${name} ${list.join(',')}`;
}

const tokenCharacter = /[!#$%&'*+.^_`|~0-9A-Za-z-]/;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

class ChallengeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly Challenge[] {
    const found: { scheme: string; parameters: Record<string, string> }[] = [];
    for (;;) {
      this.#skip(/[\s,]/);
      const name = this.#take(tokenCharacter).toLowerCase();
      if (name === '') return found;
      const afterName = this.#at;
      this.#skip(/\s/);
      const current = found.at(-1);
      if (this.#text[this.#at] === '=' && current !== undefined) {
        this.#at++;
        this.#skip(/\s/);
        const value = this.#value();
        if (value === undefined) return found;
        if (value !== '') current.parameters[name] ??= value;
      } else {
        found.push({ scheme: name, parameters: Object.create(null) as Record<string, string> });
        if (this.#at > afterName) this.#skipToken68();
      }
    }
  }

  /** Opaque data of schemes such as Negotiate, which would read as the name of the next scheme. */
  #skipToken68(): void {
    token68.lastIndex = this.#at;
    if (token68.test(this.#text)) this.#at = token68.lastIndex;
  }

  #value(): string | undefined {
    if (this.#text[this.#at] !== '"') return this.#take(/[^\s,"]/);
    let value = '';
    for (let i = this.#at + 1; i < this.#text.length; i++) {
      const character = this.#text.charAt(i);
      if (character === '"') {
        this.#at = i + 1;
        return value;
      }
      value += character === '\\' ? this.#text.charAt(++i) : character;
    }
    return undefined;
  }

  #take(allowed: RegExp): string {
    const start = this.#at;
    this.#skip(allowed);
    return this.#text.slice(start, this.#at);
  }

  #skip(allowed: RegExp): void {
    while (this.#at < this.#text.length && allowed.test(this.#text.charAt(this.#at))) this.#at++;
  }
}
