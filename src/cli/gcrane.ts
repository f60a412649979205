import { keepCompiled } from './compile-cache.ts';

void start();

async function start(): Promise<void> {
  keepCompiled(import.meta.dirname, process.argv.slice(2));
  const [{ main }, { gcraneProgram }] = await Promise.all([import('./main.ts'), import('./gcrane-program.ts')]);
  await main(gcraneProgram);
}
