import { imageOf, indexOfImages, pushImage, type SampleImage } from '../conformance/samples.ts';
import { seeded } from '../quirks/client.ts';
import { profile } from '../simulated-registry/profiles.ts';
import { simulateRegistry, type SimulatedRegistry } from '../simulated-registry/simulate.ts';

/** What is in the repositories of {@link sampleTree}. */
export const treeImages: Readonly<Record<'one' | 'two' | 'three' | 'untagged' | 'index', SampleImage>> = images();

/** `p` with two tags of one image, `p/app` with an index, one image of it with a tag, and one without; `p/app/p`. */
export async function sampleTree(isGoogle: boolean): Promise<SimulatedRegistry> {
  const registry = await treeRegistry(isGoogle);
  const { one, two, three, untagged, index } = treeImages;
  await seeded(registry, one, 'v1', 'p');
  await seeded(registry, one, 'v2', 'p');
  for (const image of [two, untagged]) await pushImage(await registry.content('p/app'), image);
  await seeded(registry, three, 'three', 'p/app');
  await seeded(registry, index, 'multi', 'p/app');
  await seeded(registry, two, 'v1', 'p/app/p');
  return registry;
}

/** An empty one, which everybody may pull from and push to. */
export async function treeRegistry(isGoogle: boolean): Promise<SimulatedRegistry> {
  const options = isGoogle ? { ...profile('gar'), challenge: undefined } : {};
  return simulateRegistry({ ...options, anonymous: { pull: ['*'], push: ['*'] } });
}

function images(): typeof treeImages {
  const [two, three] = [imageOf('two'), imageOf('three')];
  return { one: imageOf('one'), two, three, untagged: imageOf('untagged'), index: indexOfImages([two, three]) };
}
