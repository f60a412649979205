import { expect, it } from 'vitest';
import { pushImage } from '../../../test/conformance/samples.ts';
import { profile, profileNames } from '../../../test/simulated-registry/profiles.ts';
import { simulateRegistry } from '../../../test/simulated-registry/simulate.ts';
import { craneInProcess } from '../../../test/support/in-process.ts';
import { proxyServer } from '../../../test/support/proxy-server.ts';
import { layeredImage } from '../../../test/support/sample-image.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { ContentStore } from '../../store/store.ts';

const image = layeredImage('deleted');

// Whatever a registry makes of it: a tag is deleted, or it names what it did, and never is its manifest lost (demand-and-quirks
// reference, Q-70).
it.each(profileNames)('--tag-only deletes the tag and keeps the manifest, or changes nothing: %s', async (name) => {
  const options = profile(name);
  const users = { joe: { password: 'secret' } };
  await using registry = await simulateRegistry({ ...options, users, repositories: ['team/app'] });
  const content = await registry.content('team/app');
  await pushImage(content, image, 'v1');
  const args = ['-u', 'joe', '-p', 'secret', 'delete', '--insecure', '--tag-only', `${registry.host}/team/app:v1`];
  const { code, stdout, stderr } = await craneInProcess(args, { home: '/nowhere' });
  expect(stdout).toBe('');
  expect(await content.stat(image.target)).toEqual(image.target);
  expect([name, code, await named(content)]).toEqual([name, code, code === 0 ? undefined : image.target]);
  if (code !== 0) expect(stderr).toMatch(/^Error: [^]*(?:it is as it was|could not)/i);
});

it.each([
  ['ghcr', 'ghcr.io', 'gh api --method DELETE /orgs/team/packages/container/app/versions/ID'],
  ['ecr', '123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'aws ecr batch-delete-image --region eu-west-1'],
] as const)(
  'a registry that is known to delete nothing gets no other image, and the error its own way: %s',
  async (name, host, hint) => {
    const users = { joe: { password: 'secret' } };
    await using registry = await simulateRegistry({ ...profile(name), users, tls: true });
    await pushImage(await registry.content('team/app'), image, 'v1');
    await using proxy = await proxyServer({ names: { [`${host}:443`]: registry.host } });
    for (const flags of [[], ['--tag-only'], ['--by-digest']]) {
      const args = ['-u', 'joe', '-p', 'secret', 'delete', '--insecure', ...flags, `${host}/team/app:v1`];
      const { code, stderr } = await craneInProcess(args, { home: '/nowhere', env: { HTTPS_PROXY: proxy.url } });
      expect([code, stderr]).toEqual([1, expect.stringContaining(hint)]);
    }
    expect(registry.requests.filter(({ method }) => method === 'PUT' || method === 'POST')).toEqual([]);
  },
);

async function named(content: ContentStore): Promise<Descriptor | undefined> {
  return content.resolve('v1').catch(() => undefined);
}
