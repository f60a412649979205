import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { baseImage, type BaseImage, busybox } from '../support/base-image.ts';
import { type Client, isolatedClient, oras, podman, skopeo } from '../support/clients.ts';
import { crane, succeeded } from '../support/command.ts';
import { type CraneRegistry, startCraneRegistry } from '../support/crane-registry.ts';
import { dockerRegistry, type RegistryServer, startDockerRegistry } from '../support/docker-registry.ts';
import { blobPath } from '../support/image-files.ts';
import { describeWith } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

let image: BaseImage;
let ours: CraneRegistry;
let work: TemporaryDirectory;

beforeAll(async () => {
  if (!busybox.available) return;
  image = await baseImage();
  work = await temporaryDirectory();
  ours = await startCraneRegistry();
  await output(['push', image.layout, `${ours.address}/base:1`]);
});

afterAll(async () => {
  await ours?.stop();
  await work?.remove();
});

describeWith([busybox, dockerRegistry], "A real base image between Debian's registry and ours", () => {
  let theirs: RegistryServer;
  beforeAll(async () => {
    theirs = await startDockerRegistry();
  });
  afterAll(() => theirs.stop());

  test('push prints the reference by digest, which is the digest of the layout', async () => {
    const reference = `${theirs.address}/push:1`;
    expect(await output(['push', image.layout, reference])).toBe(`${theirs.address}/push@${image.manifestDigest}\n`);
    expect(await output(['digest', reference])).toBe(`${image.manifestDigest}\n`);
  });

  test('copies to their registry and back keep manifest and config byte for byte', async () => {
    await output(['copy', `${ours.address}/base:1`, `${theirs.address}/there:1`]);
    await output(['copy', `${theirs.address}/there:1`, `${ours.address}/back:1`]);
    for (const reference of [`${theirs.address}/there:1`, `${ours.address}/back:1`]) {
      expect(await output(['manifest', reference])).toBe(image.manifestBytes);
      expect(await output(['config', reference])).toBe(image.configBytes);
    }
  });

  test('a layout pulled from their registry holds the same blobs', async () => {
    const layout = work.file('pulled');
    await output(['push', image.layout, `${theirs.address}/layout:1`]);
    await output(['pull', '--format', 'oci', `${theirs.address}/layout:1`, layout]);
    for (const digest of [image.manifestDigest, image.configDigest, ...image.layers.map((layer) => layer.digest)]) {
      expect(await readFile(blobPath(layout, digest))).toEqual(await readFile(blobPath(image.layout, digest)));
    }
  });

  test('a docker tarball has the same digest in both registries and keeps its config', async () => {
    await output(['push', image.tarball, `${theirs.address}/tarball:1`]);
    await output(['push', image.tarball, `${ours.address}/tarball:1`]);
    const digest = await output(['digest', `${theirs.address}/tarball:1`]);
    expect(await output(['digest', `${ours.address}/tarball:1`])).toBe(digest);
    expect(await output(['config', `${theirs.address}/tarball:1`])).toBe(image.configBytes);
    expect(await output(['validate', '--remote', `${theirs.address}/tarball:1`])).toMatch(/^PASS/u);
  });

  test('tags, lists, catalogs and deletions of their registry are understood', async () => {
    await output(['push', image.layout, `${theirs.address}/tags:1`]);
    await output(['tag', `${theirs.address}/tags:1`, '2']);
    const tags = await output(['ls', `${theirs.address}/tags`]);
    expect(tags.trim().split('\n').sort()).toEqual(['1', '2']);
    expect(await output(['catalog', theirs.address])).toMatch(/^tags$/mu);
    await output(['delete', `${theirs.address}/tags@${image.manifestDigest}`]);
    const { code } = await crane(['digest', `${theirs.address}/tags:1`]);
    expect(code).toBe(1);
  });
});

describeWith([busybox, skopeo], 'skopeo and our registry', () => {
  const client = useClient(() => isolatedClient(skopeo));
  const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];

  test('an image that skopeo copies to us keeps its digest', async () => {
    const target = `${ours.address}/skopeo/in:1`;
    const flags = ['--insecure-policy', 'copy', '--preserve-digests', ...insecure];
    await client().run([...flags, `oci:${image.layout}:1`, `docker://${target}`]);
    expect(await output(['digest', target])).toBe(`${image.manifestDigest}\n`);
    expect(await output(['validate', '--remote', target])).toMatch(/^PASS/u);
  });

  test('an image that skopeo copies from us keeps its digest', async () => {
    const layout = client().directory.file('layout');
    const flags = ['--insecure-policy', 'copy', '--preserve-digests', ...insecure];
    await client().run([...flags, `docker://${ours.address}/base:1`, `oci:${layout}:1`]);
    expect(await readFile(blobPath(layout, image.manifestDigest), 'utf8')).toBe(image.manifestBytes);
  });

  test('skopeo reads a docker tarball that we pulled', async () => {
    const file = client().directory.file('image.tar');
    await output(['pull', `${ours.address}/base:1`, file]);
    const { stdout } = await client().run(['inspect', '--config', `docker-archive:${file}`]);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(image.configBytes));
  });

  test('skopeo lists and deletes tags', async () => {
    await output(['copy', `${ours.address}/base:1`, `${ours.address}/skopeo/tags:1`]);
    const repository = `docker://${ours.address}/skopeo/tags`;
    const { stdout } = await client().run(['list-tags', '--tls-verify=false', repository]);
    expect(JSON.parse(stdout)).toMatchObject({ Tags: ['1'] });
    await client().run(['delete', '--tls-verify=false', `${repository}:1`]);
    const { code } = await crane(['digest', `${ours.address}/skopeo/tags:1`]);
    expect(code).toBe(1);
  });
});

describeWith([busybox, podman], 'podman and our registry', () => {
  const client = useClient(() => isolatedClient(podman));

  test('podman pulls from us what we have, and what it pushes passes validation', async () => {
    const reference = `${ours.address}/base:1`;
    await client().run(['pull', '--tls-verify=false', reference]);
    const { stdout } = await client().run(['image', 'inspect', '--format', '{{.Digest}} {{.Id}}', reference]);
    expect(stdout.trim()).toBe(`${image.manifestDigest} ${image.configDigest.slice('sha256:'.length)}`);

    const pushed = `${ours.address}/podman/pushed:1`;
    const digestFile = client().directory.file('digest');
    await client().run(['push', '--tls-verify=false', '--digestfile', digestFile, reference, pushed]);
    expect(await output(['digest', pushed])).toBe(`${await readFile(digestFile, 'utf8')}\n`);
    expect(await output(['validate', '--remote', pushed])).toMatch(/^PASS/u);
  });

  test('podman loads all three formats that we pull', async () => {
    for (const format of ['tarball', 'legacy']) {
      const file = client().directory.file(`${format}.tar`);
      await output(['pull', '--format', format, `${ours.address}/base:1`, file]);
      const { stdout } = await client().run(['load', '--input', file]);
      expect(stdout).toContain(`${ours.address}/base:1`);
    }
    const layout = client().directory.file('layout');
    await output(['pull', '--format', 'oci', `${ours.address}/base:1`, layout]);
    const { stdout } = await client().run(['pull', `oci:${layout}`]);
    expect(stdout.trim()).toBe(image.configDigest.slice('sha256:'.length));
  });
});

describeWith([busybox, oras], 'oras and our registry', () => {
  const client = useClient(() => isolatedClient(oras));

  test('an image that oras copies to us and back keeps its digest', async () => {
    const target = `${ours.address}/oras/image:1`;
    const back = client().directory.file('layout');
    await client().run(['cp', '--from-oci-layout', `${image.layout}:1`, '--to-plain-http', target]);
    expect(await output(['digest', target])).toBe(`${image.manifestDigest}\n`);
    await client().run(['cp', '--from-plain-http', target, '--to-oci-layout', `${back}:1`]);
    expect(await readFile(blobPath(back, image.manifestDigest), 'utf8')).toBe(image.manifestBytes);
  });

  test('oras finds what it attached to an image', async () => {
    const target = `${ours.address}/oras/subject:1`;
    await output(['copy', `${ours.address}/base:1`, target]);
    const type = 'application/vnd.test.note';
    await client().run(['attach', '--plain-http', '--artifact-type', type, '--annotation', 'note=hello', target]);
    const { stdout } = await client().run(['discover', '--plain-http', '--format', 'json', target]);
    expect(stdout).toContain(type);
  });
});

/** What a `crane` command line prints when it succeeds. */
async function output(args: readonly string[]): Promise<string> {
  return succeeded(await crane(args, { home: work.path })).stdout;
}

/** A client for the tests of one group. */
function useClient(make: () => Promise<Client>): () => Client {
  let client: Client | undefined;
  beforeAll(async () => {
    client = await make();
  });
  afterAll(() => client?.remove());
  return () => {
    if (client === undefined) throw new Error('The client is made before the first test');
    return client;
  };
}
