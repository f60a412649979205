import type { Artifact } from '../../src/store/artifact.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { builtImage, builtIndex, type ImageRecipe } from './built-image.ts';
import { tarOf } from './sample-image.ts';

// Bases of one layer, and images that have one more, for any number of platforms.

/** A layer with one file. */
export function fileTar(name: string): Buffer {
  return tarOf({ [name]: `content of ${name}` });
}

/** An image with a layer for each name. */
export async function stacked(
  names: readonly string[],
  recipe: Partial<ImageRecipe> = {},
  store?: MemoryStore,
): Promise<Artifact> {
  const history = names.map((name) => ({ created: '2024-01-15T10:00:00Z', created_by: `ADD ${name}` }));
  return builtImage({ tars: names.map(fileTar), ...recipe, config: { history, ...recipe.config } }, store);
}

/** An index of such images for Linux; the names of layers have the architecture behind them. */
export async function stackedIndex(
  names: readonly string[],
  architectures: readonly string[],
  {
    recipe = {},
    index = {},
    entry = {},
  }: {
    readonly recipe?: Partial<ImageRecipe>;
    readonly index?: object;
    readonly entry?: { readonly annotations?: Readonly<Record<string, string>> };
  } = {},
): Promise<Artifact> {
  const store = new MemoryStore();
  const entries = [];
  for (const architecture of architectures) {
    const own = names.map((name) => `${name}-${architecture}`);
    const image = await stacked(own, { ...recipe, config: { ...recipe.config, architecture } }, store);
    entries.push({ image, platform: { architecture, os: 'linux' }, ...entry });
  }
  return builtIndex(store, entries, index);
}

/** What annotations say of a base. */
export function basedOn(name: string, { root }: Pick<Artifact, 'root'>): Record<string, string> {
  return { 'org.opencontainers.image.base.digest': root.digest, 'org.opencontainers.image.base.name': name };
}
