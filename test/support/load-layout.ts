import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Entry {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly config?: Entry;
  readonly layers?: readonly Entry[];
  readonly manifests?: readonly Entry[];
}

/**
 * Puts all of an OCI layout into a repository with plain requests, none of our code: what the entries are called becomes
 * their tags.
 */
export async function loadLayout(directory: string, base: string, repository: string): Promise<void> {
  const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8')) as Manifest;
  for (const entry of index.manifests ?? []) {
    await putManifest(entry, entry.annotations?.['org.opencontainers.image.ref.name'] ?? entry.digest);
  }

  async function putManifest(entry: Entry, reference: string): Promise<void> {
    const bytes = await readBlob(entry.digest);
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as Manifest;
    for (const blob of [...(config === undefined ? [] : [config]), ...layers]) await putBlob(blob.digest);
    for (const child of manifests) await putManifest(child, child.digest);
    await put(`${base}/v2/${repository}/manifests/${reference}`, bytes, entry.mediaType);
  }

  async function putBlob(digest: string): Promise<void> {
    const started = await fetch(`${base}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(started.headers.get('location') ?? '', base);
    location.searchParams.set('digest', digest);
    await put(location.href, await readBlob(digest), 'application/octet-stream');
  }

  function readBlob(digest: string): Promise<Buffer> {
    return readFile(join(directory, 'blobs', ...digest.split(':')));
  }
}

async function put(url: string, body: Buffer, type: string): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', body, headers: { 'content-type': type } });
  if (answer.status !== 201) throw new Error(`PUT ${url}: ${answer.status} ${await answer.text()}`);
}
