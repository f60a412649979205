import { chmod, copyFile, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedImage } from './cached-images.ts';
import { runCommand, succeeded } from './command.ts';
import { type ImageFiles, tarOf, writeDockerTarball, writeImage, writeLayer } from './image-files.ts';
import { type Requirement, requirement } from './requirements.ts';

/** What the base image is made from. */
export const busybox: Requirement = requirement('busybox');

export interface BaseImage extends ImageFiles {
  /** As `docker save` writes it, with uncompressed layers, tagged {@link baseImageTag}. */
  readonly tarball: string;
}

export const baseImageTag = 'base.test/busybox:1';

/** A real base image: Debian's static busybox with a link for each of its programs, in two layers. */
export async function baseImage(): Promise<BaseImage> {
  const image = await cachedImage('busybox-3', buildBaseImage);
  return { ...image, tarball: join(image.folder, 'docker.tar') };
}

async function buildBaseImage(folder: string): Promise<ImageFiles> {
  const layout = join(folder, 'layout');
  await makePrograms(join(folder, 'programs'));
  await makeSettings(join(folder, 'settings'));
  const layers = [
    await writeLayer(layout, tarOf(['-C', join(folder, 'programs'), '.']), 6),
    await writeLayer(layout, tarOf(['-C', join(folder, 'settings'), '.']), 6),
  ];
  const env = ['PATH=/bin'];
  const image = await writeImage(layout, layers, {
    Env: env,
    Cmd: ['sh'],
    WorkingDir: '/',
    Labels: { origin: 'test' },
  });
  await writeDockerTarball(image, join(folder, 'docker.tar'), { tag: baseImageTag, compressed: false });
  return image;
}

async function makePrograms(folder: string): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await copyFile(busybox.path, join(bin, 'busybox'));
  const { stdout } = succeeded(await runCommand(busybox.path, ['--list']));
  const programs = stdout.trim().split('\n');
  for (const program of programs) if (program !== 'busybox') await link(join(bin, 'busybox'), join(bin, program));
}

async function makeSettings(folder: string): Promise<void> {
  for (const name of ['etc', 'root', 'tmp', 'proc', 'sys', 'dev']) await mkdir(join(folder, name), { recursive: true });
  await chmod(join(folder, 'tmp'), 0o1777);
  await chmod(join(folder, 'root'), 0o700);
  await writeFile(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(folder, 'etc/group'), 'root:x:0:\n');
}
