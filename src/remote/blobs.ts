import { isOciError, OciError } from '../errors.ts';
import type { ContentId, Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { CallOptions } from '../options.ts';
import { parseContentRange } from '../wire/content-range.ts';
import { deleteOnce } from './delete-once.ts';
import type { RepositoryClient } from './repository-client.ts';

/** Whether a blob is there, and how long it is. A refusal of the probe counts as absence: the next request tells more. */
export async function statBlob(
  client: RepositoryClient,
  { mediaType, digest }: ContentId,
  { signal }: CallOptions,
): Promise<Descriptor | undefined> {
  const { status, headers } = await client.perform({
    method: 'HEAD',
    path: `blobs/${digest}`,
    purpose: `look for blob ${digest} in ${client.name}`,
    expect: [200, 400, 403, 404, 405, 501],
    access: 'pull',
    signal,
  });
  if (status !== 200) return undefined;
  const size = sizeOf(headers.get('content-length')) ?? (await measureBlob(client, digest, signal));
  return { mediaType, digest, size };
}

export async function deleteBlob(client: RepositoryClient, digest: Digest, options: CallOptions): Promise<void> {
  try {
    await deleteOnce(client, `blobs/${digest}`, `delete blob ${digest} of ${client.name}`, options);
  } catch (error) {
    if (!isOciError(error, 'UNSUPPORTED')) throw error;
    throw new OciError('UNSUPPORTED', error.message, {
      cause: error,
      hint: 'This registry removes unused blobs itself',
    });
  }
}

/** Some proxies drop the length from answers to HEAD. */
async function measureBlob(client: RepositoryClient, digest: Digest, signal: AbortSignal | undefined): Promise<number> {
  const { status, headers, body } = await client.send({
    method: 'GET',
    path: `blobs/${digest}`,
    headers: { range: 'bytes=0-0' },
    purpose: `measure blob ${digest} of ${client.name}`,
    expect: [200, 206],
    access: 'pull',
    signal,
  });
  await body.cancel();
  const size =
    status === 206
      ? parseContentRange(headers.get('content-range') ?? '')?.size
      : sizeOf(headers.get('content-length'));
  if (size === undefined) throw new OciError('RESPONSE', `${client.name} does not tell the size of blob ${digest}`);
  return size;
}

function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
