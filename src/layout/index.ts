export {
  type AppendOptions,
  createLayout,
  type LayoutOptions,
  LayoutStore,
  openLayout,
  openOrCreateLayout,
} from './layout-store.ts';
