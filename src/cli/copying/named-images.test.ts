import { expect, it } from 'vitest';
import { dockerTarball, layeredImage } from '../../../test/support/sample-image.ts';
import { openDockerArchive } from '../../archive/docker-archive.ts';
import { streamOf } from '../../content/bytes.ts';
import { NamedImages } from './named-images.ts';

const image = layeredImage('app');

it.each<[what: string, names: readonly string[], repository: string | undefined, tags: readonly string[]]>([
  ['of one repository are its tags', ['app:v1', 'app:v2'], 'app', ['v1', 'v2']],
  ['of several are full', ['app:v1', 'b/app:v1', 'nothing/'], undefined, ['app:v1', 'b/app:v1']],
  ['are told once, however they are spelt', ['docker.io/library/app:v1', 'app', 'app:latest'], 'app', ['latest', 'v1']],
])('names in a docker archive: those %s', async (_, names, repository, tags) => {
  const archive = dockerTarball(Object.fromEntries(names.map((name) => [name, image])));
  await using opened = await openDockerArchive(streamOf(archive));
  const images = new NamedImages(opened);
  expect(images.repository).toBe(repository);
  const listed: string[] = [];
  for await (const page of images.tags()) listed.push(...page);
  expect(listed).toEqual(tags);
  for (const tag of listed) expect((await images.resolve(tag)).digest).toMatch(/^sha256:/);
});
