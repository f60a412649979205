import { expect, it } from 'vitest';
import { exportFilesystem } from '../../src/ops/filesystem/export.ts';
import { configOf, imageManifestOf, rawConfigOf, rawManifestOf } from '../../src/ops/read.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { runCommand, succeeded } from '../support/command.ts';
import { imageRegistry } from '../support/image-registry.ts';
import { craneInProcess } from '../support/in-process.ts';
import { imageOfEntries, readEntries } from '../support/layer-stack.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';
import { testDirectory } from '../support/test-directory.ts';

const theirs = nativeCrane();

describeWith([theirs], 'crane edit by the other crane and by ours', () => {
  const images = imageRegistry();

  /** Does the same edit with both, under two tags. */
  async function both(
    kind: string,
    input: string,
    ...flags: readonly string[]
  ): Promise<readonly [Artifact, Artifact]> {
    const name = await images.put(await imageOfEntries([{ name: 'etc/motd', body: 'old', mode: 0o640 }]));
    const args = ['edit', kind, name, ...flags, '-t'];
    const ours = await craneInProcess([...args, `${images.host}/app:ours`], { home: '/nowhere', input });
    const options = { input, home: await testDirectory() };
    const other = succeeded(await runCommand(theirs.path, [...args, `${images.host}/app:theirs`], options));
    expect(ours).toMatchObject({ code: 0, stdout: other.stdout.replace('theirs', 'ours') });
    return [await images.get('ours'), await images.get('theirs')];
  }

  it('gives the same config, with the same entry in the manifest', async () => {
    const image = await imageOfEntries([{ name: 'etc/motd', body: 'old', mode: 0o640 }]);
    const text = Buffer.from(await rawConfigOf(image)).toString();
    const [ours, others] = await both('config', `${text.replace('amd64', 's390x')}\n`);
    expect(await rawConfigOf(ours)).toEqual(await rawConfigOf(others));
    expect(await imageManifestOf(ours)).toEqual(await imageManifestOf(others));
  });

  it('gives the same manifest, byte for byte and with the same type', async () => {
    const image = await imageOfEntries([{ name: 'etc/motd', body: 'old', mode: 0o640 }]);
    const document = JSON.parse(Buffer.from(await rawManifestOf(image)).toString()) as object;
    const [ours, others] = await both(
      'manifest',
      JSON.stringify({ ...document, annotations: { a: 'b' } }, undefined, 3),
    );
    expect(ours.root).toEqual(others.root);
  });

  it('gives the same new file, in a history step of the same author and time', async () => {
    const [ours, others] = await both('fs', 'new', '-f', 'opt');
    expect(await fileIn(ours, 'opt')).toEqual(await fileIn(others, 'opt'));
    const steps = await Promise.all([ours, others].map(async (image) => (await configOf(image)).history.at(-1)));
    const [{ author, created } = {}] = steps;
    expect(steps[1]).toMatchObject({ author, created });
  });
});

async function fileIn(image: Artifact, path: string): Promise<object | undefined> {
  const found = (await readEntries(exportFilesystem(image))).find(({ header }) => header.name === path);
  if (found === undefined) return undefined;
  const { mode, uid, gid, mtime, type } = found.header;
  return { mode, uid, gid, mtime, type, body: found.body };
}
