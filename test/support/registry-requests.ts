import { expect } from 'vitest';
import { storageOf } from '../../src/server/any-storage.ts';
import { diskStorage } from '../../src/server/disk/disk-storage.ts';
import { registryHandler } from '../../src/server/handler.ts';
import { memoryStorage } from '../../src/server/memory-storage.ts';
import type { RegistryOptions } from '../../src/server/registry.ts';
import type { RegistryStorage } from '../../src/server/storage.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { blobOf, type Sample, type SampleImage } from '../conformance/samples.ts';
import { testDirectory } from './test-directory.ts';

// Requests to a registry without a network between, over every kind of storage.

/** Sends one request. */
export type Send = (method: string, path: string, init?: Init) => Promise<Response>;
interface Init {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
}

export type Storages = readonly (readonly [name: string, open: () => RegistryStorage | Promise<RegistryStorage>])[];

/** The storages that keep everything themselves. */
export const ownStorages: Storages = [
  ['memory', memoryStorage],
  ['a directory', async () => diskStorage(await testDirectory())],
];

/** Every kind of storage. */
export const storages: Storages = [
  ...ownStorages,
  ['any store, uploads in memory', () => storageOfStores(undefined)],
  ['any store, uploads in files', async () => storageOfStores(await testDirectory())],
];

export function senderOf(storage: RegistryStorage, options?: RegistryOptions): Send {
  const handle = registryHandler(storage, options);
  return (method, path, { headers = {}, body } = {}) =>
    handle(
      new Request(new URL(path, 'http://registry.test'), {
        method,
        headers,
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer>, duplex: 'half' }),
      }),
    );
}

function storageOfStores(uploadDirectory: string | undefined): RegistryStorage {
  const stores = new Map<string, MemoryStore>();
  return storageOf(
    (name) => {
      if (name.startsWith('unknown')) return undefined;
      const store = stores.get(name) ?? new MemoryStore();
      stores.set(name, store);
      return store;
    },
    { uploadDirectory },
  );
}

export async function pushBlob(send: Send, repository: string, { target, bytes }: Sample): Promise<void> {
  const response = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${target.digest}`, { body: bytes });
  expect(response.status).toBe(201);
}

export function putManifest(
  send: Send,
  repository: string,
  { target, bytes }: Sample,
  reference: string,
): Promise<Response> {
  const headers = { 'content-type': target.mediaType };
  return send('PUT', `/v2/${repository}/manifests/${reference}`, { headers, body: bytes });
}

export async function pushImage(
  send: Send,
  repository: string,
  image: SampleImage,
  tag?: string,
  query = '',
): Promise<SampleImage & { readonly response: Response }> {
  for (const blob of image.blobs) await pushBlob(send, repository, blob);
  const response = await putManifest(send, repository, image, (tag ?? image.target.digest) + query);
  expect(response.status).toBe(201);
  return { ...image, response };
}

export function indexOf(manifests: readonly unknown[]): Sample {
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return blobOf(JSON.stringify(document), mediaTypes.ociIndex);
}

export async function tagsOf(send: Send, repositoryAndQuery: string): Promise<readonly string[]> {
  const [repository, query = ''] = repositoryAndQuery.split('?');
  const response = await send('GET', `/v2/${repository}/tags/list?${query}`);
  expect(response.status).toBe(200);
  const document = (await response.json()) as { name: string; tags: string[] };
  expect(document.name).toBe(repository);
  return document.tags;
}

export async function referrersOf(send: Send, repository: string, digest: string): Promise<readonly unknown[]> {
  const response = await send('GET', `/v2/${repository}/referrers/${digest}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, mediaTypes.ociIndex]);
  return ((await response.json()) as { manifests: unknown[] }).manifests;
}

export async function expectError(response: Response, status: number, code: string): Promise<void> {
  const text = await response.clone().text();
  expect({ status: response.status, text }).toMatchObject({ status, text: expect.stringContaining(`"${code}"`) });
  expect(response.headers.get('content-type')).toBe('application/json');
}

export function locationOf(response: Response): string {
  return response.headers.get('location') ?? '';
}

export function headersOf(response: Response): Readonly<Record<string, string>> {
  return Object.fromEntries(response.headers);
}

/** A comparison by vitest would take seconds. */
export async function expectBytes(response: Response, bytes: Uint8Array | readonly number[]): Promise<void> {
  expect(Buffer.compare(await bytesOf(response), Buffer.from(bytes))).toBe(0);
}

export async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

export function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from<Uint8Array>(chunks);
}

export function breakingStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw new Error('The line is cut');
  }
  return ReadableStream.from<Uint8Array>(chunks());
}
