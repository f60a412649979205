// Deletes all images of a repository but the newest. What an index lists stays.
//
//   node scripts/run-typescript.mjs examples/delete-old.ts registry.example.com/app 10

import { parseRepository, remote, type Transport } from 'crane-oci';
import { deleteManifest, describeTags, planDeletion, surveyTags } from 'crane-oci/ops';
import { connect } from './connect.ts';

export async function deleteOld(
  name: string,
  keep: number,
  transport: Transport,
  report: (line: string) => void,
): Promise<void> {
  const store = remote(parseRepository(name), { transport, access: 'delete' });
  const { tags } = await surveyTags(store);
  const names = tags.map((tag) => ({ tag }));
  // What does not say when it was made stays.
  const images = (await describeTags(store, names)).flatMap(({ digest, created }) =>
    digest === undefined || created === undefined ? [] : [{ digest, created }],
  );
  const newestFirst = images.toSorted((a, b) => b.created - a.created).map(({ digest }) => digest);
  for (const digest of Array.from(new Set(newestFirst)).slice(keep)) {
    const lost = await planDeletion(store, digest);
    if (lost.indexes.length > 0) {
      report(`kept ${digest}: an index lists it`);
      continue;
    }
    await deleteManifest(store, digest, { tags: lost.tags });
    report(`deleted ${digest}: ${lost.tags.join(', ')}`);
  }
}

if (import.meta.filename === process.argv[1]) {
  const [name = '', keep = '10'] = process.argv.slice(2);
  const transport = connect();
  try {
    await deleteOld(name, Number(keep), transport, console.log);
  } finally {
    transport.close();
  }
}
