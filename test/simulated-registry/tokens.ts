import { randomBytes } from 'node:crypto';

/** What a token lets its holder do. */
export interface Grant {
  readonly user: string | undefined;
  /** `repository:NAME` or `registry:catalog`, each with its actions. */
  readonly resources: ReadonlyMap<string, ReadonlySet<string>>;
  readonly expiresAt: number;
  readonly service: string;
}

/** The opaque tokens that were issued. Nothing can be read from one. */
export class TokenTable {
  readonly #grants = new Map<string, Grant>();
  readonly #refresh = new Map<string, string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(grant: Grant): string {
    const token = randomBytes(24).toString('base64url');
    this.#grants.set(token, grant);
    return token;
  }

  /** A token that can be exchanged for others. */
  issueRefresh(user: string): string {
    const token = `refresh-${randomBytes(24).toString('base64url')}`;
    this.#refresh.set(token, user);
    return token;
  }

  refreshUser(token: string): string | undefined {
    return this.#refresh.get(token);
  }

  /** `undefined` when it was never issued or its time is over. */
  find(token: string): Grant | undefined {
    const grant = this.#grants.get(token);
    return grant === undefined || grant.expiresAt <= this.#now() ? undefined : grant;
  }

  /** No token that was issued is good any more, as after a key was changed. */
  expireAll(): void {
    this.#grants.clear();
  }
}
