import { expect } from 'vitest';
import { settingsIn } from '../support/image-registry.ts';
import { entriesOf, filesOf, layersOf, platformsOf } from '../support/recipe-place.ts';
import { type Recipe, testRecipes } from '../support/recipe-tests.ts';

// Command lines that go-containerregistry shows and tests besides its recipes: in its pages of commands, in READMEs of its
// packages, in its scripts. Those of docs/recipes.md are in recipes.test.ts.

const credentials = '{"Username":"me","Secret":"secret"}';

const lines: Readonly<Record<string, Recipe>> = {
  'logging in with a password in the line, and out': {
    script: `crane auth login registry.example.com -u me -p secret
      crane auth get registry.example.com
      echo registry.example.com | crane auth get
      crane auth logout registry.example.com`,
    promises: ({ lines }) => expect(lines).toEqual([credentials, credentials]),
  },
  'a token with which a blob is mounted from another repository': {
    script: `blob=$(crane manifest registry.example.com/base:2 | jq -r '.layers[0].digest')
      header=$(crane auth token -H --push --mount registry.example.com/base registry.example.com/extra)
      curl --silent -o /dev/null -w '%{http_code}\n' -X POST -H "$header" "http://registry.example.com/v2/extra/blobs/uploads/?mount=$blob&from=base"`,
    needs: ['curl', 'jq'],
    promises: ({ lines }) => expect(lines).toEqual(['201']),
  },
  'a credential helper with fixed values': {
    script: `mkdir bin ~/.docker
      echo "echo '$(echo '${credentials}')'" > bin/docker-credential-hardcoded
      sed -i '1i #!/usr/bin/env bash' bin/docker-credential-hardcoded
      chmod +x bin/docker-credential-hardcoded
      echo '{ "credHelpers": { "registry.example.com": "hardcoded" } }' > ~/.docker/config.json
      PATH=$PWD/bin:$PATH crane auth get registry.example.com`,
    promises: ({ lines }) => expect(lines).toEqual([credentials]),
  },
  'exporting to standard output, to a file, and an archive that is piped in': {
    script: `crane export alpine:3.20 - > one.tar
      crane export alpine:3.20 two.tar
      crane pull alpine:3.20 alpine.tar
      crane export - three.tar < alpine.tar
      for file in one two three; do tar -xOf $file.tar etc/os-release; done`,
    promises: ({ lines }) => expect(lines).toEqual(Array.from({ length: 3 }, () => 'alpine 3.20 linux/amd64')),
  },
  'appending with long flags, setting the entrypoint, and a round trip through a layout': {
    script: `mkdir app && echo program > app/crane && tar -cf crane.tar app
      img=$(crane mutate --entrypoint=/app/crane,version "$(crane append --platform linux/amd64 --base alpine:3.20 --new_tag registry.example.com/append-test --new_layer crane.tar)")
      crane tag "$img" done
      crane pull --format=oci "$img" layout
      crane push --image-refs=foo.images layout registry.example.com/roundtrip-test
      diff <(crane manifest "$img") <(crane manifest "$(cat foo.images)")`,
    promises: async ({ at }) => {
      const image = await at('append-test', 'done');
      expect(await settingsIn(image)).toMatchObject({ Entrypoint: ['/app/crane', 'version'] });
      expect((await filesOf(image)).at(-1)).toEqual(['app/', 'app/crane']);
      expect((await at('roundtrip-test', 'latest')).root.digest).toBe(image.root.digest);
    },
  },
  'an index that goes through a layout, and then one platform of it': {
    script: `crane pull --format=oci alpine:3.20 first
      crane push first registry.example.com/alpine:static
      diff <(crane manifest alpine:3.20) <(crane manifest registry.example.com/alpine:static)
      crane pull --platform=linux/arm64 --format=oci registry.example.com/alpine:static second
      crane push second registry.example.com/alpine/platform:static
      diff <(crane manifest --platform linux/arm64 registry.example.com/alpine:static) <(crane manifest registry.example.com/alpine/platform:static)`,
    promises: ({ lines }) => expect(lines.filter((line) => !line.includes('@sha256:'))).toEqual([]),
  },
  'an archive that is pulled, pushed, and pulled again': {
    script: `crane pull alpine:3.20 one.tar
      crane push one.tar registry.example.com/alpine:latest
      crane pull registry.example.com/alpine:latest two.tar
      diff <(tar -xOf one.tar manifest.json | jq '.[0].Config') <(tar -xOf two.tar manifest.json | jq '.[0].Config')`,
    needs: ['jq'],
    promises: ({ lines, host }) => expect(lines).toEqual([expect.stringContaining(`${host}/alpine@sha256:`)]),
  },
  'an archive of an image that was pulled by digest, which has a name for that': {
    script: `crane pull "registry.example.com/extra@$(crane digest registry.example.com/extra:v1)" extra.tar
      tar -xOf extra.tar manifest.json | jq -r '.[0].RepoTags[]'`,
    needs: ['jq'],
    promises: ({ lines, host }) => expect(lines).toEqual([`${host}/extra:i-was-a-digest`]),
  },
  'an archive that tells where layers come from that are not to be distributed': {
    script: `crane pull registry.example.com/foreign:v1 foreign.tar
      tar -xOf foreign.tar manifest.json | jq -c '.[0].LayerSources[] | [.mediaType, .urls]'`,
    needs: ['jq'],
    promises: ({ lines }) => {
      const type = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([[type, ['http://127.0.0.1:1/layer']]]);
    },
  },
  'an index with an image for another system in it': {
    script: `crane index append alpine:3.20 -m "registry.example.com/extra@$(crane digest registry.example.com/extra:v1)" -t registry.example.com/hello-world:weird
      crane index filter registry.example.com/hello-world:weird --platform linux -t registry.example.com/hello-world:linux
      crane index filter registry.example.com/hello-world:weird --platform linux/s390x`,
    promises: async ({ at }) => {
      expect(await platformsOf(await at('hello-world', 'linux'))).toEqual([
        'linux/amd64',
        'linux/arm64',
        'linux/s390x',
      ]);
      expect(await platformsOf(await at('hello-world', 'weird'))).toEqual(['linux/s390x']);
    },
  },
  'a tag': {
    script: 'crane tag registry.example.com/app:old v1',
    promises: async ({ at }) => expect((await at('app', 'v1')).root).toEqual((await at('app', 'old')).root),
  },
  'rebasing by annotations that mutate has set': {
    script: `mkdir top && echo top > top/top.txt
      old=$(crane append -f <(tar -f - -c some-dir/) -t registry.example.com/mybase)
      orig=$(crane append -f <(tar -f - -c top) -b "$old" -t registry.example.com/rebaseme)
      orig=$(crane mutate "$orig" --annotation org.opencontainers.image.base.name=registry.example.com/mybase --annotation "org.opencontainers.image.base.digest=$(crane digest registry.example.com/mybase)")
      echo b > some-dir/b.txt && rm some-dir/entrypoint.sh
      crane append -f <(tar -f - -c some-dir/) -t registry.example.com/mybase > new.txt
      rebased=$(crane rebase "$orig")
      crane export "$rebased" - | tar -tf - | sort
      crane export "$rebased" - | tar -Oxf - some-dir/b.txt
      crane export "$rebased" - | tar -Oxf - top/top.txt
      crane tag "$rebased" rebased`,
    promises: async ({ lines, at }) => {
      expect(lines).toEqual(['some-dir', 'some-dir/b.txt', 'top', 'top/top.txt', 'b', 'top']);
      const [base = ''] = await layersOf(await at('mybase', 'latest'));
      expect((await layersOf(await at('rebaseme', 'rebased')))[0]).toBe(base);
    },
  },
  'an index of archives in a directory, which grows, and may be called as an archive': {
    script: `crane pull alpine:3.20 alpine.tar
      crane pull registry.example.com/extra:v1 extra.tar
      crane index append ./my-index alpine.tar extra.tar
      crane index append ./output.tar alpine.tar
      crane index append ./output.tar extra.tar
      crane index append ./remote extra.tar alpine:3.20
      crane index append ./nested -m extra.tar -m alpine:3.20 --flatten=false
      for index in my-index output.tar remote nested; do crane index list ./$index | grep -c sha256:; done
      crane index append alpine.tar extra.tar || echo refused`,
    isOurs: true,
    promises: ({ lines }) => expect(lines).toEqual(['2', '2', '4', '2', 'refused']),
  },
  'a new index in a registry, from an archive, that gets more images, or media types of Docker': {
    script: `crane pull registry.example.com/extra:v1 extra.tar
      crane index append -m extra.tar -t registry.example.com/index:test-1
      crane index append registry.example.com/index:test-1 -m alpine:3.20 -t registry.example.com/index:test-1
      crane index append -m extra.tar -t registry.example.com/index:docker --docker-empty-base
      crane manifest registry.example.com/index:docker | jq -r .mediaType`,
    needs: ['jq'],
    isOurs: true,
    promises: async ({ lines, at }) => {
      expect(await entriesOf(await at('index', 'test-1'))).toHaveLength(4);
      expect(lines.at(-1)).toBe('application/vnd.docker.distribution.manifest.list.v2+json');
    },
  },
  'what gcrane lists of a repository': {
    script: 'gcrane ls registry.example.com/project',
    isOurs: true,
    promises: ({ lines, host }) => expect(lines).toEqual([`${host}/project/app`]),
  },
};

testRecipes(new Map(Object.entries(lines)));
