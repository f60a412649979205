export { collectGarbage, type CollectGarbageOptions, type GarbageSummary } from './collect-garbage.ts';
export type { LayoutFile } from './content-files.ts';
export {
  type AppendOptions,
  createLayout,
  type LayoutOptions,
  LayoutStore,
  openLayout,
  openOrCreateLayout,
} from './layout-store.ts';
