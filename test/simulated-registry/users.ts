/** What somebody may do. Patterns: `*` for all repositories, `team/*` for those below, else one repository. */
export interface Rights {
  readonly pull?: readonly string[] | undefined;
  readonly push?: readonly string[] | undefined;
  readonly delete?: readonly string[] | undefined;
}

/** @default all rights */
export interface User extends Rights {
  readonly password?: string | undefined;
  /** Exchanged for tokens by POST (Q-09). */
  readonly identityToken?: string | undefined;
}

export type Users = Readonly<Record<string, User>>;

export type Action = 'pull' | 'push' | 'delete';

/** Who may do what. */
export interface Access {
  readonly users: Users;
  /** What everybody may do. */
  readonly anonymous: Rights;
}

const everything: Rights = { pull: ['*'], push: ['*'], delete: ['*'] };

/** @param user the name, `undefined` for nobody in particular */
export function may({ users, anonymous }: Access, user: string | undefined, action: Action, name: string): boolean {
  if (allows(anonymous, action, name)) return true;
  const found = user === undefined ? undefined : users[user];
  if (found === undefined) return false;
  const isLimited = found.pull !== undefined || found.push !== undefined || found.delete !== undefined;
  return allows(isLimited ? found : everything, action, name);
}

/** The user a name and a password belong to. */
export function userWith({ users }: Access, name: string, password: string): string | undefined {
  const user = Object.hasOwn(users, name) ? users[name] : undefined;
  return user?.password !== undefined && user.password === password ? name : undefined;
}

export function userWithIdentity({ users }: Access, identityToken: string): string | undefined {
  return Object.keys(users).find((name) => users[name]?.identityToken === identityToken);
}

/** The user a Basic `Authorization` names: `undefined` when there is none, `'refused'` when it is wrong. */
export function basicUser(access: Access, authorization: string | undefined): string | undefined {
  const encoded = /^Basic\s+(\S+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString();
  const colon = decoded.indexOf(':');
  return userWith(access, decoded.slice(0, colon), decoded.slice(colon + 1)) ?? refused;
}

/** No user can have this name. */
export const refused = 'refused:';

function allows(rights: Rights, action: Action, name: string): boolean {
  return (rights[action] ?? []).some(
    (pattern) =>
      pattern === '*' || pattern === name || (pattern.endsWith('/*') && name.startsWith(pattern.slice(0, -1))),
  );
}
