import { describe, expect, it } from 'vitest';
import { blobOf } from '../../test/conformance/samples.ts';
import { expectError, pushBlob, type Send, senderOf, storages, tagsOf } from '../../test/support/registry-requests.ts';
import { OciError } from '../errors.ts';
import type { RegistryOptions } from './registry.ts';
import type { RegistryStorage } from './storage.ts';

describe.each(storages)('a registry, over %s', (_, open) => {
  const start = async (options?: RegistryOptions): Promise<Send> => senderOf(await open(), options);

  it('end-1: says that it speaks the API', async () => {
    const send = await start();
    for (const path of ['/v2/', '/v2']) {
      const response = await send('GET', path);
      expect(response.status).toBe(200);
      expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    }
  });

  it('says which thing it does not know', async () => {
    const send = await start();
    const { digest } = blobOf('absent').target;
    await expectError(await send('GET', '/v2/unknown/tags/list'), 404, 'NAME_UNKNOWN');
    await expectError(await send('GET', '/v2/unknown/manifests/x'), 404, 'NAME_UNKNOWN');
    await expectError(await send('GET', `/v2/unknown/blobs/${digest}`), 404, 'NAME_UNKNOWN');
    await pushBlob(send, 'a', blobOf('present'));
    await expectError(await send('GET', '/v2/a/manifests/x'), 404, 'MANIFEST_UNKNOWN');
    await expectError(await send('GET', '/v2/a/manifests/.not-a-tag'), 404, 'MANIFEST_UNKNOWN');
    await expectError(await send('GET', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    await expectError(await send('DELETE', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    const head = await send('HEAD', `/v2/a/blobs/${digest}`);
    expect([head.status, head.body]).toEqual([404, null]);
    expect(await tagsOf(send, 'a')).toEqual([]);
  });

  it('refuses malformed names, digests, methods and addresses', async () => {
    const send = await start();
    for (const name of ['A', 'a//b', '_a', 'a/-b', 'a..b', 'a'.repeat(256)]) {
      await expectError(await send('GET', `/v2/${name}/tags/list`), 400, 'NAME_INVALID');
      await expectError(await send('POST', `/v2/${name}/blobs/uploads/`), 400, 'NAME_INVALID');
    }
    await expectError(await send('GET', '/v2/a/blobs/sha256:abc'), 400, 'DIGEST_INVALID');
    await expectError(await send('GET', '/v2/a/manifests/md5:abc'), 400, 'DIGEST_INVALID');
    for (const [method, path] of [
      ['POST', '/v2/'],
      ['PUT', '/v2/a/tags/list'],
      ['PATCH', '/v2/a/manifests/x'],
      ['GET', '/v2/a/blobs/uploads/'],
      ['OPTIONS', '/v2/a/referrers/x'],
    ] as const) {
      const response = await send(method, path);
      expect(response.headers.get('allow')).not.toBe(null);
      await expectError(response, 405, 'UNSUPPORTED');
    }
    await expectError(await send('GET', '/'), 404, 'UNSUPPORTED');
    await expectError(await send('GET', '/v2/a/%ff/b'), 404, 'UNSUPPORTED');
  });
});

describe('a registry whose storage fails', () => {
  it.each([
    new Error('the disk /secret/path is full'),
    new OciError('FILE_SYSTEM', 'Cannot write "/secret/path"'),
    Object.assign(new OciError('NETWORK', 'secret'), { code: 'A_CODE_OF_ANOTHER_VERSION' }),
  ])('answers 500 without the reason, which onError gets: %s', async (failure) => {
    const failures: unknown[] = [];
    const storage: RegistryStorage = { find: () => Promise.reject(failure), create: () => Promise.reject(failure) };
    const send = senderOf(storage, { onError: (error) => failures.push(error) });
    const response = await send('GET', '/v2/a/tags/list');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(failures).toEqual([failure]);
  });
});
