import { maxManifestSize } from '../content/limit.ts';
import { digestOf } from '../content/hash.ts';
import { isOciError, OciError } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { parseJson } from '../oci/json.ts';
import { type ImageIndex, parseManifest } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import { referrerIn, referrersTag } from '../oci/referrer.ts';
import type { CallOptions } from '../options.ts';
import type { RepositoryClient } from './repository-client.ts';
import type { Transport } from './transport/transport.ts';

/** A manifest that was pushed. */
export interface PushedManifest {
  readonly target: Descriptor;
  readonly bytes: Uint8Array;
  /** The registry's `OCI-Subject`: it keeps the list itself. */
  readonly handled: string | undefined;
}

/**
 * Adds a pushed manifest to the list its subject's tag holds, unless the registry said that it keeps the list.
 * OCI distribution-spec, "Pushing Manifests with Subject".
 *
 * @throws {OciError} `CONFLICT` when the tag holds something that is no list of referrers
 */
export async function maintainReferrers(
  client: RepositoryClient,
  { target, bytes, handled }: PushedManifest,
  options: CallOptions,
): Promise<void> {
  if (handled !== undefined) return;
  const entry = referrerIn(bytes, target);
  if (entry === undefined) return;
  await changeList(client, entry.subject, options, (list) =>
    list.some(({ digest }) => digest === target.digest) ? undefined : [...list, entry.descriptor],
  );
}

/** Takes a deleted manifest out of the list its subject's tag holds, if there is one. */
export async function forgetReferrer(
  client: RepositoryClient,
  subject: Digest,
  digest: Digest,
  options: CallOptions,
): Promise<void> {
  await changeList(client, subject, options, (list) => {
    const kept = list.filter((entry) => entry.digest !== digest);
    return kept.length === list.length ? undefined : kept;
  });
}

/** The list under a subject's tag: `undefined` when there is none. */
export async function readReferrersTag(
  client: RepositoryClient,
  subject: Digest,
  { signal }: CallOptions,
): Promise<{ readonly document: Readonly<Record<string, unknown>>; readonly index: ImageIndex } | undefined> {
  const tag = referrersTag(subject);
  try {
    const { bytes } = await client.read(
      {
        method: 'GET',
        path: `manifests/${tag}`,
        headers: { accept: mediaTypes.ociIndex },
        purpose: `read the referrers tag "${tag}" of ${client.name}`,
        expect: [200],
        access: 'pull',
        signal,
      },
      maxManifestSize,
    );
    const manifest = parseManifest(bytes, { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes) });
    if (manifest.kind !== 'index') throw new OciError('CONFLICT', `The tag "${tag}" of ${client.name} is no index`);
    const document = parseJson(bytes, `Referrers tag "${tag}"`) as Readonly<Record<string, unknown>>;
    return { document, index: manifest.index };
  } catch (error) {
    if (isOciError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Reads, changes and writes a list. Within one process the changes of one list follow each other. */
async function changeList(
  client: RepositoryClient,
  subject: Digest,
  options: CallOptions,
  change: (list: readonly Descriptor[]) => readonly Descriptor[] | undefined,
): Promise<void> {
  const tag = referrersTag(subject);
  await inTurn(client.transport, `${client.name}:${tag}`, async () => {
    const old = await readReferrersTag(client, subject, options);
    const manifests = change(old?.index.manifests ?? []);
    if (manifests === undefined) return;
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...old?.document, manifests };
    await client.perform({
      method: 'PUT',
      path: `manifests/${tag}`,
      headers: { 'content-type': mediaTypes.ociIndex },
      body: Buffer.from(JSON.stringify(document)),
      purpose: `write the referrers tag "${tag}" of ${client.name}`,
      expect: [200, 201, 202, 204],
      access: 'push',
      signal: options.signal,
    });
  });
}

const turns = new WeakMap<Transport, Map<string, Promise<void>>>();

async function inTurn(transport: Transport, key: string, task: () => Promise<void>): Promise<void> {
  const queue = turns.get(transport) ?? new Map<string, Promise<void>>();
  turns.set(transport, queue);
  const before = queue.get(key) ?? Promise.resolve();
  const mine = before.then(task);
  const settled = mine.catch(() => {});
  queue.set(key, settled);
  try {
    await mine;
  } finally {
    if (queue.get(key) === settled) queue.delete(key);
  }
}
