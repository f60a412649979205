import { keepRecent } from '../keep-recent.ts';
import { coversScope, parseScopes, repositoryScope, uniteScopes } from '../../wire/scope.ts';

/** What became known about a registry's token server while the process runs. */
export class ScopeMemory {
  /** It takes one scope at a time, or heeds one only. */
  oneScope = false;
  /** It knows `*` and not `delete`. */
  starForDelete = false;
  /** The scopes that did it, by those that were planned. */
  readonly #plans = new Map<string, readonly string[]>();

  scopesFor(plan: ScopePlan): readonly string[] {
    return this.#plans.get(keyOf(plan)) ?? this.#generalize(plan.scopes);
  }

  remember(plan: ScopePlan, scopes: readonly string[]): void {
    keepRecent(this.#plans, keyOf(plan), scopes, maxPlans);
  }

  #generalize(scopes: readonly string[]): readonly string[] {
    const counted = this.oneScope ? scopes.slice(0, 1) : scopes;
    return this.starForDelete ? counted.map(withStar) : counted;
  }
}

/** What a request needs. */
export interface ScopePlan {
  /** The most needed first. */
  readonly scopes: readonly string[];
  readonly repository?: string | undefined;
  /** It changes nothing, so a token that lets pull may do. */
  readonly reads: boolean;
}

/** Who refused: the token server all of it, or the registry the token. */
export interface ScopeRefusal {
  readonly by: 'token-server' | 'registry';
  readonly status: number;
}

type Step = 'one' | 'star' | 'pull';

/**
 * The scopes to ask for, and what to ask for instead when they are refused: what the challenge names besides, the one scope
 * that is needed, `*` in place of `delete`, `pull` for what only reads. No set is tried twice, and each step is taken once,
 * so it ends soon; what helped is remembered for the requests that follow. Demand-and-quirks reference, Q-10, Q-11, Q-13.
 */
export class ScopeLadder {
  readonly #memory: ScopeMemory;
  readonly #plan: ScopePlan;
  readonly #tried = new Set<string>();
  readonly #steps = new Map<Step, ScopeRefusal>();
  #scopes: readonly string[];

  constructor(memory: ScopeMemory, plan: ScopePlan) {
    this.#memory = memory;
    this.#plan = plan;
    this.#scopes = memory.scopesFor(plan);
    this.#tried.add(this.#scopes.join(' '));
  }

  get scopes(): readonly string[] {
    return this.#scopes;
  }

  /** Adds what a challenge asks for. `foreign`: only what is not about the repositories of the plan, whose rights we know better. */
  extend(asked: string | undefined, { foreign = false }: { readonly foreign?: boolean } = {}): boolean {
    const wanted = parseScopes(asked ?? '');
    const counted = foreign ? wanted.filter((scope) => !this.#isKnown(scope)) : wanted;
    const united = uniteScopes(this.#scopes, counted);
    return united.length > this.#scopes.length && this.#take(united);
  }

  /** The next set after a refusal; `false` when there is none. */
  descend(refusal: ScopeRefusal): boolean {
    const { scopes, reads, repository } = this.#plan;
    const needed = scopes[0];
    if (needed === undefined) return false;
    const one = this.#memory.starForDelete ? withStar(needed) : needed;
    // A registry's 403 is a verdict on what was asked, not on how many scopes the token has.
    const mayCount = refusal.by === 'token-server' || refusal.status === 401;
    if (mayCount && this.#scopes.length > 1 && this.#step('one', refusal, [one])) return true;
    if (withStar(needed) !== needed && this.#step('star', refusal, [withStar(needed)])) return true;
    // A registry that took the token for too weak will not do with a weaker one.
    if (!reads || repository === undefined || refusal.by === 'registry') return false;
    return this.#step('pull', refusal, [repositoryScope(repository, 'pull')]);
  }

  /** The scopes asked for have helped, so the next request starts with them. */
  settle(): void {
    if (this.#tried.size === 1) return;
    this.#memory.remember(this.#plan, this.#scopes);
    const one = this.#steps.get('one');
    // Others than a token server that understands only one scope may have refused this pair of repositories.
    const isGeneral = one !== undefined && (one.by === 'registry' || one.status === 400);
    if (isGeneral && this.#plan.scopes.length > 1) this.#memory.oneScope = true;
    if (this.#steps.has('star') && !this.#steps.has('pull')) this.#memory.starForDelete = true;
  }

  #isKnown(scope: string): boolean {
    return this.#plan.scopes.some(
      (planned) => resourceOf(planned) === resourceOf(scope) || coversScope(planned, scope),
    );
  }

  #step(step: Step, refusal: ScopeRefusal, scopes: readonly string[]): boolean {
    if (this.#steps.has(step) || !this.#take(scopes)) return false;
    this.#steps.set(step, refusal);
    return true;
  }

  #take(scopes: readonly string[]): boolean {
    const key = scopes.join(' ');
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    this.#scopes = scopes;
    return true;
  }
}

/** One command seldom works on more repositories of one registry. */
const maxPlans = 1000;

function keyOf({ scopes, reads }: ScopePlan): string {
  return `${reads ? 'read' : 'write'} ${scopes.join(' ')}`;
}

/** The scope with `*` in place of actions of which one is `delete`. */
function withStar(scope: string): string {
  const resource = resourceOf(scope);
  return scope
    .slice(resource.length + 1)
    .split(',')
    .includes('delete')
    ? `${resource}:*`
    : scope;
}

function resourceOf(scope: string): string {
  return scope.slice(0, Math.max(scope.lastIndexOf(':'), 0));
}
