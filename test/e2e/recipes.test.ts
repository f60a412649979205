import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { imageManifestOf } from '../../src/ops/read.ts';
import { settingsIn } from '../support/image-registry.ts';
import { codeBlocks } from '../support/markdown.ts';
import { projectRoot } from '../support/paths.ts';
import { entriesOf, filesOf, layersOf, platformOf, platformsOf } from '../support/recipe-place.ts';
import { type Recipe, testRecipes } from '../support/recipe-tests.ts';

// The page is the source: each heading is a recipe, and the block below it is what runs.
const page = readFileSync(join(projectRoot, 'docs/recipes.md'), 'utf8');
const scripts = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), scriptIn(part)] as const),
);

const recipes: Readonly<Record<string, Omit<Recipe, 'script'>>> = {
  'List the files of an image': {
    promises: ({ lines }) => {
      expect(lines.map((line) => line.replace(/.* /, ''))).toEqual(['etc/os-release', 'etc/passwd']);
    },
  },
  'Print one file of an image': {
    promises: ({ lines }) => expect(lines).toEqual(['alpine 3.20 linux/amd64']),
  },
  'Compare the configs of two images': {
    needs: ['jq'],
    code: 1,
    promises: ({ lines }) =>
      expect(lines.filter((line) => line.includes('VERSION'))).toEqual([
        expect.stringMatching(/^< .*"VERSION=3.19"/),
        expect.stringMatching(/^> .*"VERSION=3.20"/),
      ]),
  },
  'Compare the manifests of two images': {
    needs: ['jq'],
    code: 1,
    promises: ({ lines }) => {
      const digests = (sign: string) =>
        lines.filter((line) => line.startsWith(`${sign} `) && line.includes('"digest"'));
      expect([digests('<').length, digests('>').length]).toEqual([3, 3]);
    },
  },
  'Compare the files of two images': {
    code: 1,
    promises: ({ lines }) => {
      expect(lines).toHaveLength(4);
      expect(lines[1]).toMatch(/^< -.* etc\/passwd$/);
      expect(lines[3]).toMatch(/^> -.* etc\/passwd$/);
    },
  },
  'Tell how much is downloaded for an image': {
    needs: ['jq', 'numfmt'],
    promises: async ({ lines, at }) => {
      const { config, layers } = await imageManifestOf(
        await platformOf(await at('library/alpine', '3.20'), 'linux/amd64'),
      );
      const total = [config, ...layers].reduce((sum, { size }) => sum + size, 0);
      expect(total).toBeLessThan(1000);
      expect(lines).toEqual([String(total)]);
    },
  },
  'Find the platforms of an image': {
    needs: ['jq'],
    promises: ({ lines }) => expect(lines).toEqual(['linux/amd64', 'linux/arm64', 'windows/amd64']),
  },
  'Make an image of a directory': {
    promises: async ({ lines, at, host }) => {
      const image = await at('app', 'v1');
      expect(lines).toEqual([`${host}/app@${image.root.digest}`]);
      expect(await filesOf(image)).toEqual([['some-dir/', 'some-dir/entrypoint.sh']]);
    },
  },
  'Put a directory on a base, and start what is in it': {
    promises: async ({ lines, at, host }) => {
      const [name = ''] = lines;
      expect(name).toMatch(new RegExp(`^${host}/app@sha256:[0-9a-f]{64}$`));
      const image = await at('app', name.replace(/.*@/, ''));
      expect(await settingsIn(image)).toMatchObject({ Entrypoint: ['some-dir/entrypoint.sh'] });
      expect(await filesOf(image)).toEqual([
        ['etc/os-release', 'etc/passwd'],
        ['some-dir/', 'some-dir/entrypoint.sh'],
      ]);
    },
  },
  'Put files on a base without tar': {
    isOurs: true,
    promises: async ({ at }) => {
      const [, files = []] = await filesOf(await at('app', 'v1'));
      expect(files.at(-1)).toBe('opt/app/entrypoint.sh');
    },
  },
  'Keep the platforms that you need': {
    promises: async ({ at }) => {
      expect(await platformsOf(await at('alpine', '3.20'))).toEqual(['linux/amd64', 'linux/arm64']);
    },
  },
  'Keep the platforms of one system, in place': {
    promises: async ({ at }) =>
      expect(await platformsOf(await at('alpine', '3.20'))).toEqual(['linux/amd64', 'linux/arm64']),
  },
  'Make an index of images for one platform each': {
    promises: async ({ at }) =>
      expect(await platformsOf(await at('app', 'v1'))).toEqual(['linux/amd64', 'linux/arm64']),
  },
  'Add an image to an index': {
    promises: async ({ at }) => {
      const entries = await entriesOf(await at('app', 'more'));
      expect(entries.map(({ digest }) => digest)).toEqual([
        ...(await entriesOf(await at('library/alpine', '3.20'))).map(({ digest }) => digest),
        (await at('extra', 'v1')).root.digest,
      ]);
    },
  },
  'Put an image on a newer base': {
    promises: async ({ at }) => {
      const image = await at('app', 'rebased');
      expect(await layersOf(image)).toEqual([
        ...(await layersOf(await at('base', '2'))),
        ...(await layersOf(await at('app', 'old'))).slice(1),
      ]);
      expect((await imageManifestOf(image)).annotations).toMatchObject({
        'org.opencontainers.image.base.digest': (await at('base', '2')).root.digest,
      });
    },
  },
  'Let the image say what its base is': {
    promises: async ({ at }) => {
      const [bases, image] = [await layersOf(await at('base', '2')), await layersOf(await at('app', 'v1-patched'))];
      expect(image).toEqual([...bases, ...(await layersOf(await at('app', 'v1'))).slice(1)]);
    },
  },
  'Take an image through a directory without losing its digest': {
    promises: ({ lines }) => expect(lines.filter((line) => !line.includes('@sha256:'))).toEqual([]),
  },
  'Take one platform through a directory': {
    promises: ({ lines }) => expect(lines.filter((line) => !line.includes('@sha256:'))).toEqual([]),
  },
  'Unpack an archive without a registry': {
    promises: ({ lines }) => expect(lines).toEqual(['etc/os-release', 'etc/passwd']),
  },
  'Look into an archive': {
    needs: ['jq'],
    promises: async ({ lines, host, at }) => {
      const { config } = await imageManifestOf(await platformOf(await at('library/alpine', '3.20'), 'linux/amd64'));
      expect(lines).toEqual([`${host}/library/alpine:3.20`, config.digest]);
    },
  },
  'Keep a layer as a file': {
    needs: ['jq'],
    promises: ({ lines }) => expect(lines).toEqual(['etc/os-release', 'etc/passwd']),
  },
  'Copy some tags of a repository': {
    promises: async ({ at }) => {
      for (const tag of ['3.19', '3.20']) await at('alpine', tag);
      await expect(at('alpine', 'edge')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  },
  'Log in where a pipeline has user and password': {
    promises: async ({ at, file }) => {
      expect((await at('app', 'latest')).root).toEqual((await at('app', 'old')).root);
      expect(JSON.parse(await file('../home/.docker/config.json'))).toEqual({ auths: {} });
    },
  },
  'Ask the registry with the credentials of crane': {
    needs: ['curl'],
    promises: ({ lines }) => expect(JSON.parse(lines.join(''))).toMatchObject({ name: 'app', tags: ['old'] }),
  },
  'See what a credential helper says': {
    needs: ['jq'],
    promises: ({ lines }) => expect(lines).toEqual(['{"Username":"me","Secret":"secret"}', 'me']),
  },
  'Use crane as a credential helper': {
    promises: ({ lines }) => expect(lines).toEqual(['{"Username":"me","Secret":"secret"}']),
  },
  'Try something out in a registry of your own': {
    isOurs: true,
    promises: ({ lines }) => expect(lines).toEqual(['alpine']),
  },
  'Make an index of archives': {
    isOurs: true,
    promises: ({ lines }) => {
      expect(lines.slice(-2)).toEqual([expect.stringContaining('linux/amd64'), expect.stringContaining('linux/arm64')]);
    },
  },
  'Copy all repositories below a name': {
    isOurs: true,
    promises: ({ lines, host }) => {
      const tags = lines.filter((line) => !line.includes('@')).toSorted();
      expect(tags).toEqual([`${host}/backup/api:v1`, `${host}/backup/web:v1`]);
    },
  },
  'Delete what has no tag': {
    isOurs: true,
    promises: async ({ at }) => {
      await at('project/app', 'v1');
      const { root } = await at('app', 'old');
      await expect(at('project/app', root.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  },
};

it('every recipe of docs/recipes.md is run', () => {
  expect(Object.keys(recipes).toSorted()).toEqual(Array.from(scripts.keys()).toSorted());
});

testRecipes(
  new Map(Object.entries(recipes).map(([title, recipe]) => [title, { ...recipe, script: scripts.get(title) ?? '' }])),
);

function scriptIn(section: string): string {
  const blocks = codeBlocks({ name: 'docs/recipes.md', text: section });
  return blocks.find(({ language }) => language === 'bash')?.text ?? '';
}
