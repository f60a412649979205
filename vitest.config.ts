import { join } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  resolve: {
    // The examples name the package as its users do, and run on the source as it is now.
    alias: [
      { find: /^crane-oci$/, replacement: join(import.meta.dirname, 'src/index.ts') },
      { find: /^crane-oci\/(.*)$/, replacement: join(import.meta.dirname, 'src/$1/index.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});

export default config;
