import { describe, expect, it } from 'vitest';
import { imageOf, pushImage } from '../../../test/conformance/samples.ts';
import { type SimulatedRegistry, simulateRegistry } from '../../../test/simulated-registry/simulate.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';

// crane-cli reference, section 9.19.

const images = [imageOf('first'), imageOf('second')];

describe('crane push --index', () => {
  it('pushes the index.json of a layout or an OCI archive, with all that it lists', async () => {
    await using registry = await seeded();
    const directory = await testDirectory();
    for (const place of [`oci:${directory}/layout`, `oci-archive:${directory}/app.tar`]) {
      expect(await crane('copy', '-a', `${registry.host}/app`, place)).toMatchObject({ code: 0 });
      const target = `${registry.host}/whole:${place.slice(0, place.indexOf(':'))}`;
      const paths = [place, place.slice(place.indexOf(':') + 1)];
      for (const path of paths) expect(await crane('push', '--index', path, target)).toMatchObject({ code: 0 });
      const { manifests } = JSON.parse((await crane('manifest', target)).stdout) as { manifests: { digest: string }[] };
      expect(manifests.map(({ digest }) => digest).toSorted()).toEqual(
        images.map((image) => image.target.digest).toSorted(),
      );
    }
  });

  it('is refused with one image of a layout, and advised where there are several', async () => {
    await using registry = await seeded();
    const place = `oci:${await testDirectory()}/layout`;
    await crane('copy', '-a', `${registry.host}/app`, place);
    const target = `${registry.host}/whole:v1`;
    expect(await crane('push', '--index', `${place}:tag-0`, target)).toEqual({
      code: 1,
      stdout: '',
      stderr: `Error: --index pushes a layout as a whole, and "${place}:tag-0" names one image of it\n`,
    });
    expect((await crane('push', place, target)).stderr).toMatch(
      /--all-tags pushes them all, under their tags, --index as one index\n$/,
    );
    expect((await crane('digest', place)).stderr).not.toContain('--index');
  });
});

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere' });
}

async function seeded(): Promise<SimulatedRegistry> {
  const registry = await simulateRegistry();
  const content = await registry.content('app');
  for (const [i, image] of images.entries()) await pushImage(content, image, `tag-${i}`);
  return registry;
}
