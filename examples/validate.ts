// Checks a docker archive or an OCI archive: every size, digest and diff ID.
//
//   node scripts/run-typescript.mjs examples/validate.ts image.tar

import { openArchive, validate } from 'crane-oci';

/** What is wrong, one line each; nothing when all is right. */
export async function problemsOf(file: string): Promise<readonly string[]> {
  const store = await openArchive(file);
  try {
    const problems = await validate({ store, root: await store.resolveSingle() });
    return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

if (import.meta.filename === process.argv[1]) {
  const [file = ''] = process.argv.slice(2);
  const problems = await problemsOf(file);
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? `${file} is valid` : `${file} is not valid`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
