import { afterAll, beforeAll, expect, it } from 'vitest';
import { pushImage } from '../../../test/conformance/samples.ts';
import { dockerRegistry, type RegistryServer, startDockerRegistry } from '../../../test/support/docker-registry.ts';
import { craneInProcess, type InProcessResult } from '../../../test/support/in-process.ts';
import { describeWith } from '../../../test/support/requirements.ts';
import { indexOf, layeredImage } from '../../../test/support/sample-image.ts';
import { parseRepository } from '../../oci/reference.ts';
import { RemoteStore } from '../../remote/remote-store.ts';
import { createTransport, type Transport } from '../../remote/transport/transport.ts';

const image = layeredImage('deleted');
const { digest } = image.target;

// It deletes by digest only, with all tags (demand-and-quirks reference, Q-70).
describeWith([dockerRegistry], 'crane delete at distribution 2.8', () => {
  let server: RegistryServer;
  let transport: Transport;

  beforeAll(async () => {
    server = await startDockerRegistry();
    transport = createTransport({ userAgent: 'crane-oci-test' });
  });
  afterAll(async () => {
    transport.close();
    await server.stop();
  });

  it('refuses a tag, and says what can be done', async () => {
    const { name } = await seeded('refused');
    const { code, stderr } = await crane('delete', `${name}:v1`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('--tag-only')]);
  });

  it('deletes a tag alone', async () => {
    const { name, store } = await seeded('alone');
    expect(await crane('delete', '--tag-only', `${name}:v1`)).toMatchObject({ code: 0, stdout: '' });
    expect((await crane('ls', name)).stdout).toBe('latest\n');
    expect(await store.resolve('latest')).toEqual(image.target);
    expect(await store.resolve(digest)).toEqual(image.target);
  });

  it('deletes the tag of an index alone', async () => {
    const { name, store } = await seeded('index');
    const index = indexOf({ 'linux/amd64': image });
    await store.pushTagged(index.target, index.bytes, 'all');
    expect(await crane('delete', '--tag-only', `${name}:all`)).toMatchObject({ code: 0 });
    expect((await crane('ls', name)).stdout.split('\n').toSorted()).toEqual(['', 'latest', 'v1']);
    expect(await store.resolve(index.target.digest)).toEqual(index.target);
  });

  it('deletes by digest with all tags, when that was said', async () => {
    const { name } = await seeded('digest');
    expect((await crane('delete', '--by-digest', `${name}:v1`)).code).toBe(1);
    const { stdout } = await crane('delete', '--by-digest', '--all-tags', '--dry-run', `${name}:v1`);
    expect(stdout.split('\n').toSorted()).toEqual(
      ['', `delete  ${name}@${digest}`, `delete  ${name}:latest`, `delete  ${name}:v1`].toSorted(),
    );
    expect(await crane('delete', '--by-digest', '--all-tags', `${name}:v1`)).toMatchObject({ code: 0 });
    expect((await crane('manifest', `${name}:latest`)).code).toBe(1);
  });

  async function seeded(repository: string): Promise<{ readonly name: string; readonly store: RemoteStore }> {
    const name = `${server.address}/${repository}`;
    const store = new RemoteStore(parseRepository(name), { transport, access: 'push' });
    await pushImage(store, image, 'v1');
    await store.tag(image.target, 'latest');
    return { name, store };
  }
});

async function crane(...args: readonly string[]): Promise<InProcessResult> {
  return craneInProcess(args, { home: '/nowhere' });
}
