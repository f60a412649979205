import { describe, expect, it } from 'vitest';
import { ScopeLadder, ScopeMemory, type ScopePlan, type ScopeRefusal } from './scope-ladder.ts';

const mount: ScopePlan = { scopes: ['repository:a:push,pull', 'repository:b:pull'], repository: 'a', reads: false };
const deletion: ScopePlan = { scopes: ['repository:a:push,pull,delete'], repository: 'a', reads: false };
const reading: ScopePlan = { ...deletion, reads: true };
const refused = (status: number): ScopeRefusal => ({ by: 'token-server', status });
const tooWeak: ScopeRefusal = { by: 'registry', status: 401 };

describe('ScopeLadder', () => {
  it('goes from several scopes to the needed one, and then no further', () => {
    expect(climb(mount, refused(400))).toEqual([['repository:a:push,pull']]);
    expect(climb(mount, tooWeak)).toEqual([['repository:a:push,pull']]);
  });

  it('goes from delete to *, and for what only reads to pull', () => {
    expect(climb(deletion, refused(400))).toEqual([['repository:a:*']]);
    expect(climb(reading, refused(401))).toEqual([['repository:a:*'], ['repository:a:pull']]);
    expect(climb(reading, tooWeak)).toEqual([['repository:a:*']]);
  });

  it('does not take a 403 of a registry for one about the number of scopes', () => {
    expect(climb(mount, { by: 'registry', status: 403 })).toEqual([]);
    expect(climb(deletion, { by: 'registry', status: 403 })).toEqual([['repository:a:*']]);
  });

  it('never asks for less where nothing is planned, as at the root', () => {
    expect(climb({ scopes: [], reads: true }, refused(401))).toEqual([]);
  });

  it('puts what a challenge asks for in front, once, and what it asks for needlessly away', () => {
    const ladder = new ScopeLadder(new ScopeMemory(), { scopes: ['repository:a:pull'], repository: 'a', reads: true });
    expect(ladder.extend('repository:a:pull')).toBe(false);
    expect(ladder.extend('repository:a:pull,push', { foreign: true })).toBe(false);
    expect(ladder.extend('repository:path/a:pull', { foreign: true })).toBe(true);
    expect(ladder.scopes).toEqual(['repository:path/a:pull', 'repository:a:pull']);
    expect(ladder.extend('repository:path/a:pull')).toBe(false);
    expect(ladder.extend('*')).toBe(false);
  });

  it('starts where the last request ended', () => {
    const memory = new ScopeMemory();
    const first = new ScopeLadder(memory, deletion);
    first.descend(refused(400));
    first.settle();
    expect(new ScopeLadder(memory, deletion).scopes).toEqual(['repository:a:*']);
    const other = { ...deletion, scopes: ['repository:c:push,pull,delete'], repository: 'c' };
    expect(new ScopeLadder(memory, other).scopes).toEqual(['repository:c:*']);
  });

  it.each([
    [refused(400), true],
    [tooWeak, true],
    [refused(401), false],
  ] as const)('after %j one scope is the rule for the host: %s', (refusal, general) => {
    const memory = new ScopeMemory();
    const first = new ScopeLadder(memory, mount);
    first.descend(refusal);
    first.settle();
    expect(new ScopeLadder(memory, mount).scopes).toHaveLength(1);
    const other = { ...mount, scopes: ['repository:a:push,pull', 'repository:c:pull'] };
    expect(new ScopeLadder(memory, other).scopes).toHaveLength(general ? 1 : 2);
  });

  it('keeps nothing of a climb that came to nothing', () => {
    const memory = new ScopeMemory();
    climb(mount, refused(400), memory);
    expect(new ScopeLadder(memory, mount).scopes).toEqual(mount.scopes);
  });

  it('remembers so much and no more', () => {
    const memory = new ScopeMemory();
    for (let i = 0; i < 1001; i++) {
      memory.remember({ scopes: [`repository:r${i}:pull`], reads: true }, [`repository:x/r${i}:pull`]);
    }
    expect(memory.scopesFor({ scopes: ['repository:r0:pull'], reads: true })).toEqual(['repository:r0:pull']);
    expect(memory.scopesFor({ scopes: ['repository:r1000:pull'], reads: true })).toEqual(['repository:x/r1000:pull']);
  });
});

function climb(plan: ScopePlan, refusal: ScopeRefusal, memory: ScopeMemory = new ScopeMemory()): readonly unknown[] {
  const ladder = new ScopeLadder(memory, plan);
  const steps: unknown[] = [];
  while (ladder.descend(refusal)) steps.push(ladder.scopes);
  return steps;
}
