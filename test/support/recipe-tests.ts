import { describe, expect, it } from 'vitest';
import { nativeCrane } from './native-crane.ts';
import { type Outcome, runRecipe } from './recipe-place.ts';
import { describeWith, requirement, type Requirement } from './requirements.ts';

/** A script in bash, with `alpine` for a public image and `registry.example.com` for the user's registry. */
export interface Recipe {
  readonly script: string;
  /** What has to be there beside crane, bash and the usual programs of a system. */
  readonly needs?: readonly string[];
  /** Whether it uses what crane of go-containerregistry does not have. @default false */
  readonly isOurs?: boolean;
  /** `diff` ends with 1 when it finds something. @default 0 */
  readonly code?: number;
  promises(this: void, outcome: Outcome): Promise<void> | void;
}

/** Runs each with our crane, and with that of go-containerregistry where that is on PATH. */
export function testRecipes(recipes: ReadonlyMap<string, Recipe>): void {
  /** What came of each with our crane, which both of its tests look at. */
  const ours = new Map<Recipe, Promise<Outcome>>();
  const withOurs = (recipe: Recipe): Promise<Outcome> => {
    const outcome = ours.get(recipe) ?? checked(recipe);
    ours.set(recipe, outcome);
    return outcome;
  };
  describe('a recipe does what it says', () => {
    for (const [title, recipe] of recipes) {
      describeWith(needsOf(recipe), title, () => {
        it('with our crane', async () => void (await withOurs(recipe)));
      });
    }
  });
  const theirs = nativeCrane();
  describeWith([theirs], 'a recipe does the same with the crane of go-containerregistry', () => {
    for (const [title, recipe] of recipes) {
      if (recipe.isOurs === true) continue;
      describeWith(needsOf(recipe), title, () => {
        it('and prints the same, but for digests', async () => {
          const [other, own] = [await checked(recipe, theirs.path), await withOurs(recipe)];
          expect(comparable(own)).toEqual(comparable(other));
        });
      });
    }
  });
}

async function checked({ script, code = 0, promises }: Recipe, program?: string): Promise<Outcome> {
  await using outcome = await runRecipe(script, program);
  expect(outcome, outcome.stderr).toMatchObject({ code });
  await promises(outcome);
  return outcome;
}

/** Compressed layers differ from crane's, and so do digests; ports differ from run to run. */
function comparable({ lines, host }: Outcome): readonly string[] {
  return lines.map((line) => line.replaceAll(host, 'HOST').replaceAll(/sha256:[0-9a-f]{64}/g, 'DIGEST'));
}

function needsOf({ needs = [] }: Recipe): readonly Requirement[] {
  return ['bash', ...needs].map((name) => requirement(name));
}
