import { describe, expect, it } from 'vitest';
import { coversScope, parseScopes, repositoryScope, uniteScopes } from './scope.ts';

describe('scopes', () => {
  it('name the actions of an access in the order registries know from other clients', () => {
    expect(repositoryScope('library/alpine', 'pull')).toBe('repository:library/alpine:pull');
    expect(repositoryScope('app', 'push')).toBe('repository:app:push,pull');
    expect(repositoryScope('app', 'delete')).toBe('repository:app:push,pull,delete');
  });

  it('cover each other whatever the order of the actions', () => {
    expect(coversScope('repository:a:push,pull', 'repository:a:pull,push')).toBe(true);
    expect(coversScope('repository:a:*', 'repository:a:delete')).toBe(true);
    expect(coversScope('repository:a:pull', 'repository:a:push')).toBe(false);
    expect(coversScope('repository:a:pull', 'repository:b:pull')).toBe(false);
  });

  it('are united with what a server asked for in front', () => {
    expect(uniteScopes(['repository:a:pull'], ['repository:a:delete'])).toEqual([
      'repository:a:delete',
      'repository:a:pull',
    ]);
    expect(uniteScopes(['repository:a:push,pull'], ['repository:a:pull'])).toEqual(['repository:a:push,pull']);
  });

  it('of a challenge are separated by blanks; a star says nothing', () => {
    expect(parseScopes(' repository:a:pull  registry:catalog:* ')).toEqual(['repository:a:pull', 'registry:catalog:*']);
    expect(parseScopes('*')).toEqual([]);
  });
});
