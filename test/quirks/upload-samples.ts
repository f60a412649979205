import { expect } from 'vitest';
import { mediaTypes } from '../../src/oci/media-type.ts';
import type { RetryPolicy } from '../../src/remote/transport/retry.ts';
import type { ReopenableContent } from '../../src/store/capabilities.ts';
import { blobOf, noise, piecesOf, type Sample, WatchedStream } from '../conformance/samples.ts';
import type { SimulatedRegistry } from '../simulated-registry/simulate.ts';
import { storeOf } from './client.ts';

export const mebibyte: number = 1024 * 1024;
export const blob: Sample = blobOf(noise(300_000), mediaTypes.ociLayer);
export const large: Sample = blobOf(noise(17 * mebibyte + 5, 3), mediaTypes.ociLayer);

/** Uploads a blob and looks whether it is there. */
export async function sent(
  registry: SimulatedRegistry,
  sample: Sample,
  settings: { readonly chunkSize?: number } = {},
  retry: Partial<RetryPolicy> = { baseDelay: 1, maxDelay: 5 },
): Promise<void> {
  const store = storeOf(registry, 'app', { hosts: () => settings, retry });
  await store.pushFrom(sample.target, reopenable(sample));
  expect(await held(registry, sample)).toBe(true);
  expect(openSessions(registry)).toEqual([]);
}

export async function held(registry: SimulatedRegistry, { target }: Sample): Promise<boolean> {
  const content = await registry.content('app');
  return (await content.stat(target))?.size === target.size;
}

export function reopenable({ bytes }: Sample, opened: number[] = []): ReopenableContent {
  return {
    open: async (start) => {
      opened.push(start);
      return new WatchedStream(piecesOf(bytes.subarray(start), 65_536));
    },
  };
}

/** The lengths of the pieces that were taken. */
export function pieces({ requests }: SimulatedRegistry): readonly number[] {
  return requests
    .filter(({ method, bodyLength, headers }) => method === 'PATCH' && String(bodyLength) === headers['content-length'])
    .filter(({ status }) => status < 400)
    .map(({ bodyLength }) => bodyLength);
}

export function methods({ requests }: SimulatedRegistry): readonly string[] {
  return requests.map(({ method }) => method);
}

/** Sessions that were asked about and neither finished nor cancelled. */
export function openSessions({ requests }: SimulatedRegistry): readonly string[] {
  const open = new Set<string>();
  for (const { method, path, status } of requests) {
    const id = /\/blobs\/uploads?\/([^/?]+)$/.exec(path)?.[1];
    if (id === undefined) continue;
    if ((method === 'PUT' && status >= 200 && status < 300) || method === 'DELETE') open.delete(id);
    else open.add(id);
  }
  return [...open];
}
