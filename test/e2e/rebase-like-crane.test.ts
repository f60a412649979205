import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/content/hash.ts';
import { imageManifestOf } from '../../src/ops/read.ts';
import { rebase } from '../../src/ops/rebase/rebase.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { fileTar } from '../support/based-images.ts';
import { builtImage } from '../support/built-image.ts';
import { runCommand, succeeded } from '../support/command.ts';
import { type NamedImage, NamedImages } from '../support/named-images.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Images of which crane loses nothing when it rebases them, and images whose layers are all that can be compared.

const theirs = nativeCrane();
const images = new NamedImages();
let work: TemporaryDirectory;

beforeAll(async () => {
  work = await temporaryDirectory();
});

afterAll(async () => {
  await work?.remove();
});

describeWith([theirs], 'Rebasing by the other crane and by ours', () => {
  test('gives the same digests where crane loses nothing', async () => {
    for (let round = 0; round < 12; round++) {
      const pick = random(round);
      const [old, now, app] = [steps(pick, 'old'), steps(pick, 'new'), steps(pick, 'app')];
      const platform = { os: word(pick, ['linux', 'windows']), 'os.version': word(pick, [undefined, '10.0.1']) };
      const settings = { Env: ['PATH=/bin'], Cmd: ['<&>'], Labels: { b: '2', a: '1' }, ExposedPorts: { '80/tcp': {} } };
      const oldBase = await images.put(await docker(old, { created: '2024-01-15T10:00:00Z' }));
      const newBase = await images.put(
        await docker(now, { created: '2024-01-15T10:00:00Z', author: 'base', ...platform }),
      );
      const image = await images.put(await docker([...old, ...app], { config: settings }));
      const ours = await rebase(image, { oldBase, newBase, newBaseName: newBase.name });
      expect(await digestBy(image, oldBase, newBase), JSON.stringify({ old, now, app })).toBe(ours.root.digest);
    }
  });

  test('gives the same layers where the image and its bases have OCI media types', async () => {
    const [oldBase, newBase] = [await images.put(await oci(['old'])), await images.put(await oci(['new', 'more']))];
    const image = await images.put(await oci(['old', 'app']));
    const ours = await rebase(image, { oldBase, newBase });
    const other = await images.get(await digestBy(image, oldBase, newBase), 'rebased');
    expect((await imageManifestOf(ours)).layers).toEqual((await imageManifestOf(other)).layers);
    expect(ours.root.mediaType).not.toBe(other.root.mediaType);
  });
});

interface Step {
  readonly name: string;
  readonly isEmpty: boolean;
}

function docker(parts: readonly Step[], config: object): Promise<Artifact> {
  const history = parts.map(({ name, isEmpty }) => ({
    created: '2024-01-15T10:00:00.5Z',
    created_by: name,
    ...(isEmpty ? { empty_layer: true } : {}),
  }));
  const tars = parts.filter(({ isEmpty }) => !isEmpty).map(({ name }) => fileTar(name));
  return builtImage({ tars, family: 'docker', config: { history, ...config } });
}

function oci(names: readonly string[]): Promise<Artifact> {
  const history = names.map((name) => ({ created_by: name }));
  return builtImage({ tars: names.map(fileTar), config: { history } });
}

async function digestBy(image: NamedImage, oldBase: NamedImage, newBase: NamedImage): Promise<string> {
  const bases = ['--old_base', oldBase.name, '--new_base', newBase.name];
  const args = ['rebase', image.name, ...bases, '-t', `${images.host}/rebased:case`];
  const { stdout } = succeeded(await runCommand(theirs.path, args, { home: work.path }));
  return stdout.trim().split('@')[1] ?? '';
}

type Pick = (below: number) => number;

/** Numbers that follow from a seed. */
function random(seed: number): Pick {
  let state = digestOf(Buffer.from(`rebase ${seed}`)).slice(7);
  return (below) => {
    state = digestOf(Buffer.from(state)).slice(7);
    return Number.parseInt(state.slice(0, 8), 16) % below;
  };
}

function word<T>(pick: Pick, list: readonly T[]): T {
  return list[pick(list.length)] as T;
}

/** Up to five steps, of which some add no layer and one does. */
function steps(pick: Pick, prefix: string): readonly Step[] {
  const all = Array.from({ length: pick(4) }, (_, i) => ({ name: `${prefix} ${i}`, isEmpty: pick(2) === 0 }));
  const after = pick(2) === 0 ? [] : [{ name: `${prefix} after`, isEmpty: true }];
  return [...all, { name: `${prefix} last`, isEmpty: false }, ...after];
}
