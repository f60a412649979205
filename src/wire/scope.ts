/** What may be done with a repository, as tokens name it. */
export type RepositoryAccess = 'pull' | 'push' | 'delete';

const actions: Readonly<Record<RepositoryAccess, string>> = {
  pull: 'pull',
  push: 'push,pull',
  delete: 'push,pull,delete',
};

/** The scope that lets a token list a registry's repositories. */
export const catalogScope = 'registry:catalog:*';

/** The scope for work on one repository; each access includes the lesser ones. crane-library reference, section 1.3. */
export function repositoryScope(repository: string, access: RepositoryAccess): string {
  return `repository:${repository}:${actions[access]}`;
}

/** Scopes of a challenge's or a token request's `scope`, which separates them with blanks. */
export function parseScopes(text: string): readonly string[] {
  return text.split(/\s+/).filter((scope) => scope !== '' && scope !== '*');
}

/** Whether everything `asked` names is in `held`, whatever the order of the actions. */
export function coversScope(held: string, asked: string): boolean {
  if (held === asked) return true;
  const [resource, granted] = splitScope(held);
  const [wanted, needed] = splitScope(asked);
  return resource === wanted && (granted.includes('*') || needed.every((action) => granted.includes(action)));
}

/**
 * Adds the scopes a server asked for to those a request planned. New ones come first, since some token servers look at the
 * first scope only.
 */
export function uniteScopes(planned: readonly string[], asked: readonly string[]): readonly string[] {
  const missing = asked.filter((scope) => !planned.some((held) => coversScope(held, scope)));
  return [...new Set([...missing, ...planned])];
}

function splitScope(scope: string): readonly [resource: string, actions: readonly string[]] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')];
}
