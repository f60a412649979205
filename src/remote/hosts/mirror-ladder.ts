import type { ByteStream } from '../../content/bytes.ts';
import { digestOf } from '../../content/hash.ts';
import { checkDigest } from '../../content/verify.ts';
import { isOciError, messageOf, OciError } from '../../errors.ts';
import { algorithmOf, type Digest, isDigest } from '../../oci/digest.ts';
import { formatRepository } from '../../oci/reference.ts';
import { repositoryScope } from '../../wire/scope.ts';
import { readDocument } from '../transport/document.ts';
import { NetworkError } from '../transport/exchange.ts';
import type { Answer } from '../transport/redirect.ts';
import type { RegistryRequest } from '../transport/registry-request.ts';
import { ResponseError } from '../transport/response-error.ts';
import type { MirrorRoute } from '../transport/route.ts';
import type { ReadAnswer, Transport } from '../transport/transport.ts';

/** How long a mirror that could not be reached is not asked again, in milliseconds. */
const rest = 60_000;

type Attempt<T> = (request: RegistryRequest, mirror: MirrorRoute | undefined) => Promise<T>;

/**
 * Asks the mirrors of a repository before the registry that was named: whatever goes wrong at one, the next is asked. Each is
 * shown its own credentials only. OCI distribution-spec, "Registry Proxying"; demand-and-quirks reference, Q-85.
 */
export class MirrorLadder {
  readonly #transport: Transport;
  readonly #mirrors: readonly MirrorRoute[];

  constructor(transport: Transport, mirrors: readonly MirrorRoute[]) {
    this.#transport = transport;
    this.#mirrors = mirrors;
  }

  /** @param path below the repository: `manifests/v1`, `blobs/sha256:…` */
  async send(request: RegistryRequest, path: string): Promise<Answer> {
    return this.#climb(request, path, async (sent, mirror) => {
      const answer = await this.#transport.send(sent);
      if (mirror === undefined) return answer;
      return { ...answer, body: watched(answer.body, (error) => this.#note(mirror, error)) };
    });
  }

  async perform(request: RegistryRequest, path: string): Promise<Answer> {
    return this.#climb(request, path, async (sent, mirror) => {
      const answer = await this.#transport.perform(sent);
      const stated = answer.headers.get('docker-content-digest');
      const wanted = digestIn(path);
      if (mirror !== undefined && stated !== undefined && wanted !== undefined && stated !== wanted) {
        throw new OciError('DIGEST_MISMATCH', `${hostOf(mirror)} states the digest ${stated} for ${wanted}`);
      }
      return answer;
    });
  }

  async read(request: RegistryRequest, path: string, limit: number): Promise<ReadAnswer> {
    return this.#climb(request, path, async (sent, mirror) => {
      if (mirror === undefined) return this.#transport.read(sent, limit);
      const answer = await this.#transport.send({ kind: 'question', ...sent });
      const bytes = await readDocument(answer, limit, `The answer to the request to ${sent.purpose}`);
      checkDocument(bytes, digestIn(path), mirror);
      return { ...answer, bytes };
    });
  }

  async #climb<T>(request: RegistryRequest, path: string, attempt: Attempt<T>): Promise<T> {
    const failures: string[] = [];
    for (const mirror of this.#mirrors) {
      if (!isAskedFor(mirror, path) || this.#isResting(mirror)) continue;
      try {
        return await this.#askTwice(requestTo(mirror, request, path), mirror, attempt);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (!isOciError(error)) throw error;
        this.#note(mirror, error);
        failures.push(messageOf(error));
      }
    }
    try {
      return await attempt(request, undefined);
    } catch (error) {
      request.signal?.throwIfAborted();
      for (const message of failures) this.#transport.warn(`A mirror did not help: ${message}`);
      throw error;
    }
  }

  /** A server may just have closed a connection that was idle. */
  async #askTwice<T>(request: RegistryRequest, mirror: MirrorRoute, attempt: Attempt<T>): Promise<T> {
    try {
      return await attempt(request, mirror);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof NetworkError && error.reused)) throw error;
      return attempt(request, mirror);
    }
  }

  #isResting({ repository }: MirrorRoute): boolean {
    return (this.#transport.traitsOf(repository.registry).restsUntil ?? 0) > this.#transport.now();
  }

  #note(mirror: MirrorRoute, error: unknown): void {
    const pause = pauseAfter(error);
    if (pause === undefined) return;
    this.#transport.traitsOf(mirror.repository.registry).restsUntil = this.#transport.now() + pause;
    const shown = `${hostOf(mirror)} is not asked for ${Math.ceil(pause / 1000)} s`;
    this.#transport.warn(`The mirror ${shown}: ${messageOf(error)}`);
  }
}

function pauseAfter(error: unknown): number | undefined {
  if (error instanceof NetworkError) return rest;
  return error instanceof ResponseError ? error.retryAfter : undefined;
}

function isAskedFor({ pull = 'all' }: MirrorRoute, path: string): boolean {
  if (pull === 'all' || path.startsWith('blobs/')) return true;
  return pull === (digestIn(path) === undefined ? 'tag' : 'digest');
}

function requestTo({ repository, namespace }: MirrorRoute, request: RegistryRequest, path: string): RegistryRequest {
  const query = namespace === undefined ? '' : `?ns=${encodeURIComponent(namespace)}`;
  return {
    ...request,
    registry: repository.registry,
    repository: repository.repository,
    target: `/v2/${repository.repository}/${path}${query}`,
    scopes: [repositoryScope(repository.repository, 'pull')],
    purpose: `${request.purpose} from its mirror ${formatRepository(repository)}`,
    // What else the registry that was named might say is for it to say.
    expect: request.expect.filter((status) => status === 200 || status === 206),
    // The next one is nearer than another try.
    retry: false,
  };
}

/** By tag nobody can tell what is right; that it is a document at all can be told. */
function checkDocument(bytes: Uint8Array, wanted: Digest | undefined, mirror: MirrorRoute): void {
  if (wanted !== undefined) checkDigest(digestOf(bytes, algorithmOf(wanted)), wanted);
  else if (!/^\s*\{/.test(Buffer.from(bytes.subarray(0, 64)).toString())) {
    throw new OciError('INVALID_MANIFEST', `${hostOf(mirror)} sent something that is no manifest`);
  }
}

function digestIn(path: string): Digest | undefined {
  const reference = path.slice(path.indexOf('/') + 1);
  return isDigest(reference) ? reference : undefined;
}

function hostOf({ repository }: MirrorRoute): string {
  return repository.registry;
}

/** A body whose breaking off is heard of; the reader goes on elsewhere. */
function watched(body: ByteStream, onBreak: (error: unknown) => void): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      const chunks = body[Symbol.asyncIterator]();
      return {
        next: () =>
          chunks.next().catch((error: unknown) => {
            onBreak(error);
            throw error;
          }),
        return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
      };
    },
    cancel: (reason) => body.cancel(reason),
  };
}
