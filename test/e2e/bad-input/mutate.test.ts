import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeBytes } from '../../../src/content/hash.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import { imageOfDocuments } from '../../support/golden-operations.ts';
import { configIn, imageRegistry } from '../../support/image-registry.ts';
import { craneInProcess, type InProcessResult } from '../../support/in-process.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { tarOf } from '../../support/sample-image.ts';
import { testDirectory } from '../../support/test-directory.ts';

const images = imageRegistry();

function mutate(...args: readonly string[]): Promise<InProcessResult> {
  images.requests.length = 0;
  return craneInProcess(['mutate', ...args], { home: '/nowhere' });
}

async function expectRefused(args: readonly string[], ...says: readonly (string | RegExp)[]): Promise<void> {
  const { code, stdout, stderr } = await mutate(...args);
  expectRefusal({ code, stdout, stderr, signal: null, stdoutBytes: Buffer.alloc(0), peakMemory: 0 }, ...says);
  expect(images.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
}

/** A manifest that stands alone. */
async function put(document: object, mediaType: string = mediaTypes.ociManifest): Promise<string> {
  const store = new MemoryStore();
  const root = await store.add(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document })), mediaType);
  return images.putAlone({ store, root });
}

const missing: Descriptor = { ...describeBytes(Buffer.from('nowhere'), mediaTypes.ociConfig) };

describe('mutate of an image', () => {
  it.each([
    ['is no JSON', 'labels', 'is not JSON'],
    ['is empty', '', 'is not JSON'],
    ['is cut', '{"os":"linux"', 'is not JSON'],
    ['goes on behind its end', '{"os":"linux"} {}', 'is not JSON'],
    ['is null', 'null', 'the document should be an object, found null'],
    ['is a list', '[]', 'the document should be an object, found []'],
    ['has a list for settings', '{"config":[]}', 'config should be an object, found []'],
    ['has a text for a list', '{"config":{"Env":"A=1"}}', 'config.Env should be a list, found "A=1"'],
    ['has a number for a label', '{"config":{"Labels":{"a":1}}}', 'config.Labels["a"] should be a string, found 1'],
    ['has a member twice', '{"os":"a","OS":"b"}', 'os stands in the document twice'],
    ['has a label twice', '{"config":{"Labels":{"a":"1","a":"2"}}}', 'config.Labels["a"] stands in the document twice'],
    ['has a time that is none', '{"created":"now"}', 'created should be a time as RFC 3339 has it, found "now"'],
    ['has a digest that is none', '{"rootfs":{"diff_ids":["x"]}}', 'nvalid digest "x"'],
    ['has an object for the history', '{"history":{}}', 'history should be a list, found {}'],
  ])('whose config %s says so, and changes nothing', async (_, config, message) => {
    const name = await images.put(await imageOfDocuments(config));
    await expectRefused([name, '-l', 'a=b'], /^Error: mutating .*: config sha256:/, new RegExp(escaped(message), 'i'));
  });

  it('whose config has no members, or null for them, works', async () => {
    const texts = ['{}', '{"config":null,"history":null,"rootfs":null,"os":null,"created":null}'];
    for (const text of [...texts, '{"config":{"Labels":null,"Env":null,"Cmd":null,"Healthcheck":null}}']) {
      const name = await images.put(await imageOfDocuments(text));
      expect(await mutate(name, '-l', 'a=b', '-e', 'A=1', '--history', 'x')).toMatchObject({ code: 0 });
      expect(await configIn(await images.get())).toMatchObject({
        config: { Labels: { a: 'b' }, Env: ['A=1'] },
        history: [{ created_by: 'x' }],
      });
    }
  });

  it('whose config is too large to be one is not read into memory', async () => {
    const store = new MemoryStore();
    const config = await store.add(Buffer.alloc(17 * 1024 * 1024, ' '), mediaTypes.ociConfig);
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
    const root = await store.add(Buffer.from(JSON.stringify(document)), mediaTypes.ociManifest);
    await expectRefused([await images.put({ store, root }), '-l', 'a=b'], 'mutating', '16777216');
  });

  it('whose config is missing, or not there, says so', async () => {
    await expectRefused([await put({ config: missing, layers: [] }), '-l', 'a=b'], missing.digest, '404');
    await expectRefused([await put({ layers: [] }), '-l', 'a=b'], 'config should be an object, found nothing');
  });

  it('in Docker schema 1 says that nobody can', async () => {
    const document = { schemaVersion: 1, name: 'app', tag: 'v1', fsLayers: [], history: [] };
    const name = await put(document, mediaTypes.dockerSchema1Signed);
    await expectRefused(
      [name, '-l', 'a=b'],
      'is no image but application/vnd.docker.distribution.manifest.v1+prettyjws',
    );
    expect((await mutate(name, '-l', 'a=b')).stderr).toContain('Docker schema 1 is abolished');
  });

  it('whose history tells of other layers keeps both, and gets no layer on top where the diff IDs are not those of its layers', async () => {
    const document = { os: 'linux', history: [{ created_by: 'a' }, { created_by: 'b' }], rootfs: { diff_ids: [] } };
    const other = await imageOfDocuments(JSON.stringify(document));
    await mutate(await images.put(other), '-l', 'a=b');
    expect(await configIn(await images.get())).toMatchObject({ history: [{ created_by: 'a' }, { created_by: 'b' }] });
    const layer = join(await testDirectory(), 'layer.tar');
    await writeFile(layer, tarOf({ a: 'b' }));
    const bare = await imageOfDocuments('{"os":"linux"}', { layers: [missing] });
    await bare.store.push(missing, Buffer.from('nowhere'));
    await expectRefused([await images.put(bare), '--append', layer], 'lists 1 layers, and its config 0 diff IDs');
  });
});

describe('mutate of an index', () => {
  it('that lists nothing, or what is not there, says so', async () => {
    await expectRefused([await put({ manifests: [] }, mediaTypes.ociIndex), '-l', 'a=b'], 'lists no image');
    const manifests = [{ ...missing, mediaType: mediaTypes.ociManifest }];
    await expectRefused([await put({ manifests }, mediaTypes.ociIndex), '-l', 'a=b'], missing.digest, '404');
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
