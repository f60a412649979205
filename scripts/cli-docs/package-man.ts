import { manPages } from './pages.ts';

/** npm links the pages that package.json lists, one by one, into the manual of the system. */
export async function packageWithManPages(text: string): Promise<string> {
  const names = Array.from((await manPages('')).keys()).toSorted();
  const manifest = { ...(JSON.parse(text) as object), man: names.map((name) => `./dist/man/${name}`) };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}
