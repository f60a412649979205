import { Limiter } from '../async/limiter.ts';
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
import { askReferrersApi, knownReferrersApi } from './referrers-api.ts';
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
 * Adds a pushed manifest to the list its subject's tag holds, unless the registry keeps the list itself. `OCI-Subject` says that
 * it does, but there are registries that send it without listing anything, and others that list and do not send it, so the API
 * is asked where that is not known yet. OCI distribution-spec, "Pushing Manifests with Subject"; demand-and-quirks reference, Q-68.
 *
 * @throws {OciError} `CONFLICT` when the tag holds something that is no list of referrers
 */
export async function maintainReferrers(
  client: RepositoryClient,
  { target, bytes, handled }: PushedManifest,
  options: CallOptions,
): Promise<void> {
  const entry = referrerIn(bytes, target);
  if (entry === undefined || (await isListed(client, entry.subject, target.digest, handled, options))) return;
  await changeList(client, entry.subject, options, (list) =>
    list.some(({ digest }) => digest === target.digest) ? undefined : [...list, entry.descriptor],
  );
}

async function isListed(
  client: RepositoryClient,
  subject: Digest,
  digest: Digest,
  handled: string | undefined,
  options: CallOptions,
): Promise<boolean> {
  if (handled !== undefined && knownReferrersApi(client) === true) return true;
  const listed = await listedBy(client, subject, options);
  if (listed?.some((one) => one.digest === digest) === true) return true;
  // Without an answer that settles it the registry's word counts; a list may also be some seconds late.
  return handled !== undefined && knownReferrersApi(client) !== false;
}

/** The manifest is pushed already, so a question that fails is one without an answer. */
async function listedBy(
  client: RepositoryClient,
  subject: Digest,
  options: CallOptions,
): Promise<readonly Descriptor[] | undefined> {
  try {
    return await askReferrersApi(client, subject, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isOciError(error)) return undefined;
    throw error;
  }
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

/** The list under a subject's tag. */
export interface ReferrersList {
  readonly document: Readonly<Record<string, unknown>>;
  readonly index: ImageIndex;
  readonly etag: string | undefined;
}

/**
 * The list under a subject's tag: `undefined` when there is none, also where a registry says with 401 or 403 that there is none:
 * whoever may read the repository may read its tags (demand-and-quirks reference, Q-15).
 */
export async function readReferrersTag(
  client: RepositoryClient,
  subject: Digest,
  { signal }: CallOptions,
): Promise<ReferrersList | undefined> {
  const tag = referrersTag(subject);
  try {
    const { bytes, headers } = await client.read(
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
    return { document, index: manifest.index, etag: headers.get('etag') };
  } catch (error) {
    if (isOciError(error) && absent.has(error.code)) return undefined;
    throw error;
  }
}

const absent: ReadonlySet<string> = new Set(['NOT_FOUND', 'DENIED', 'UNAUTHORIZED']);

/** Programs elsewhere may change a list at the same moment; after so many rounds the last one to write has the last word. */
const maxRounds = 10;

/**
 * Reads, changes and writes a list, and looks at it again: whoever read it before we wrote has then written without our change.
 * Within one process the changes of one list follow each other.
 */
async function changeList(
  client: RepositoryClient,
  subject: Digest,
  options: CallOptions,
  change: (list: readonly Descriptor[]) => readonly Descriptor[] | undefined,
): Promise<void> {
  const tag = referrersTag(subject);
  await inTurn(client.transport, `${client.name}:${tag}`, options, async () => {
    for (let round = 1; round <= maxRounds; round++) {
      const old = await readReferrersTag(client, subject, options);
      const manifests = change(old?.index.manifests ?? []);
      if (manifests === undefined) return;
      const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...old?.document, manifests };
      await putList(client, tag, { document, etag: old?.etag, mayLose: round < maxRounds }, options);
    }
  });
}

interface NewList {
  readonly document: object;
  /** Of the list this one takes the place of. */
  readonly etag: string | undefined;
  /** Whether it is good enough to learn that somebody was faster. */
  readonly mayLose: boolean;
}

async function putList(
  client: RepositoryClient,
  tag: string,
  { document, etag, mayLose }: NewList,
  { signal }: CallOptions,
): Promise<void> {
  await client.perform({
    method: 'PUT',
    path: `manifests/${tag}`,
    headers: { 'content-type': mediaTypes.ociIndex, ...(etag === undefined ? {} : { 'if-match': etag }) },
    body: Buffer.from(JSON.stringify(document)),
    purpose: `write the referrers tag "${tag}" of ${client.name}`,
    expect: [200, 201, 202, 204, ...(mayLose ? [412] : [])],
    access: 'push',
    signal,
  });
}

interface Turn {
  readonly limiter: Limiter;
  users: number;
}

const turnsOf = new WeakMap<Transport, Map<string, Turn>>();

async function inTurn(
  transport: Transport,
  key: string,
  { signal }: CallOptions,
  task: () => Promise<void>,
): Promise<void> {
  const turns = turnsOf.get(transport) ?? new Map<string, Turn>();
  turnsOf.set(transport, turns);
  const turn = turns.get(key) ?? { limiter: new Limiter(1), users: 0 };
  turns.set(key, turn);
  turn.users++;
  try {
    await turn.limiter.run(task, signal);
  } finally {
    if (--turn.users === 0) turns.delete(key);
  }
}
